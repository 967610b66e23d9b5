/*
 * Calls every wrapper of daruma.c over a fake ESP-IDF and prints what came back, one "name value"
 * a line, and every call that reached the fake.
 */
#include <stdio.h>

#include "app_update/include/esp_ota_ops.h"
#include "esp_mac.h"
#include "esp_task_wdt.h"

int32_t daruma_running_slot(void);
int32_t daruma_running_state(void);
int32_t daruma_slot_count(void);
int32_t daruma_stage(int32_t slot);
int32_t daruma_mark_invalid(void);
int32_t daruma_rollback_enabled(void);
int32_t daruma_validation_enabled(void);
int32_t daruma_watchdog_arm(uint32_t timeout_ms);
int32_t daruma_watchdog_feed(void);
int32_t daruma_watchdog_disarm(void);
int32_t daruma_xs_version(void);
const char *daruma_device_id(void);

static esp_partition_t running = {ESP_PARTITION_TYPE_APP, 0x11};
static esp_partition_t found;
static int initialised;

const esp_partition_t *esp_ota_get_running_partition(void)
{
	return &running;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *state)
{
	if (partition->subtype == ESP_PARTITION_SUBTYPE_APP_FACTORY)
		return ESP_ERR_NOT_SUPPORTED;
	*state = ESP_OTA_IMG_PENDING_VERIFY;
	return ESP_OK;
}

uint8_t esp_ota_get_app_partition_count(void)
{
	return 2;
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type,
						esp_partition_subtype_t subtype, const char *label)
{
	found.type = type;
	found.subtype = subtype;
	return label == NULL ? &found : NULL;
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition)
{
	printf("set_boot 0x%x\n", (unsigned)partition->subtype);
	return 0x1503;
}

esp_err_t esp_ota_mark_app_invalid_rollback(void)
{
	return 0x1505;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(0xa0 + i);
	return ESP_OK;
}

static esp_err_t configured(const char *name, const esp_task_wdt_config_t *config)
{
	printf("%s %u mask %u panic %d\n", name, (unsigned)config->timeout_ms,
	       (unsigned)config->idle_core_mask, config->trigger_panic);
	return ESP_OK;
}

esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t *config)
{
	initialised = 1;
	return configured("wdt_init", config);
}

esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config)
{
	return initialised ? configured("wdt_reconfigure", config) : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_task_wdt_add_user(const char *user_name, esp_task_wdt_user_handle_t *user_handle_ret)
{
	printf("wdt_add %s\n", user_name);
	*user_handle_ret = (esp_task_wdt_user_handle_t)&found;
	return ESP_OK;
}

esp_err_t esp_task_wdt_status(void *task_handle)
{
	return task_handle == NULL ? ESP_OK : ESP_ERR_INVALID_STATE;
}

esp_err_t esp_task_wdt_reset(void)
{
	printf("wdt_reset_task 1\n");
	return ESP_OK;
}

esp_err_t esp_task_wdt_reset_user(esp_task_wdt_user_handle_t user_handle)
{
	printf("wdt_reset %d\n", user_handle == (esp_task_wdt_user_handle_t)&found);
	return ESP_OK;
}

esp_err_t esp_task_wdt_delete_user(esp_task_wdt_user_handle_t user_handle)
{
	printf("wdt_delete %d\n", user_handle == (esp_task_wdt_user_handle_t)&found);
	return ESP_OK;
}

int main(void)
{
	printf("running %d\n", (int)daruma_running_slot());
	printf("state %d\n", (int)daruma_running_state());
	running.subtype = ESP_PARTITION_SUBTYPE_APP_FACTORY;
	printf("factory %d\n", (int)daruma_running_slot());
	printf("factory-state %d\n", (int)daruma_running_state());
	printf("count %d\n", (int)daruma_slot_count());
	printf("stage0 0x%x\n", (unsigned)daruma_stage(0));
	printf("stage2 0x%x\n", (unsigned)daruma_stage(2));
	printf("stage-1 0x%x\n", (unsigned)daruma_stage(-1));
	printf("invalid 0x%x\n", (unsigned)daruma_mark_invalid());
	printf("rollback %d\n", (int)daruma_rollback_enabled());
	printf("validation %d\n", (int)daruma_validation_enabled());
	printf("xs 0x%x\n", (unsigned)daruma_xs_version());
	printf("id %s\n", daruma_device_id());
	printf("feed-early 0x%x\n", (unsigned)daruma_watchdog_feed());
	printf("arm 0x%x\n", (unsigned)daruma_watchdog_arm(30000));
	printf("arm-again 0x%x\n", (unsigned)daruma_watchdog_arm(20000));
	printf("feed 0x%x\n", (unsigned)daruma_watchdog_feed());
	printf("disarm 0x%x\n", (unsigned)daruma_watchdog_disarm());
	printf("disarm-again 0x%x\n", (unsigned)daruma_watchdog_disarm());
	return 0;
}
