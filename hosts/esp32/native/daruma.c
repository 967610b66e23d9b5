/*
 * ESP-IDF v6.0 functions that JavaScript cannot call directly, because they take or give pointers
 * and structures: one small wrapper each, for the "ffi" of manifests/esp32.json. Results are
 * esp_err_t unless said otherwise.
 */
#include <inttypes.h>
#include <stdio.h>

#include "app_update/include/esp_ota_ops.h"
#include "esp_err.h"
#include "esp_mac.h"
#include "esp_partition.h"
#include "esp_task_wdt.h"
#include "sdkconfig.h"
#include "xsCommon.h"

/* Index of the running OTA slot; -1 for the factory partition. */
int32_t daruma_running_slot(void)
{
	const esp_partition_t *running = esp_ota_get_running_partition();
	if (running == NULL || running->type != ESP_PARTITION_TYPE_APP)
		return -1;
	if (running->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MIN ||
	    running->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MAX)
		return -1;
	return (int32_t)running->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN;
}

/* State of the running slot's otadata entry (esp_ota_img_states_t); -1 when it has none. */
int32_t daruma_running_state(void)
{
	esp_ota_img_states_t state;
	const esp_partition_t *running = esp_ota_get_running_partition();
	if (running == NULL || esp_ota_get_state_partition(running, &state) != ESP_OK)
		return -1;
	return (int32_t)state;
}

/* Number of OTA slots in the partition table. */
int32_t daruma_slot_count(void)
{
	return esp_ota_get_app_partition_count();
}

/* Selects a slot for the next boot; ESP-IDF verifies its image first. */
int32_t daruma_stage(int32_t slot)
{
	if (slot < 0 || slot >= daruma_slot_count())
		return ESP_ERR_INVALID_ARG;
	esp_partition_subtype_t subtype =
		(esp_partition_subtype_t)(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + slot);
	const esp_partition_t *partition =
		esp_partition_find_first(ESP_PARTITION_TYPE_APP, subtype, NULL);
	return partition == NULL ? ESP_ERR_NOT_FOUND : esp_ota_set_boot_partition(partition);
}

/* Marks the image of the active otadata entry invalid; the caller restarts. */
int32_t daruma_mark_invalid(void)
{
	return esp_ota_mark_app_invalid_rollback();
}

/*
 * 1 when this app was built for a bootloader that takes an unconfirmed image back. ESP-IDF after
 * v6.1 has a choice in place of the switch; its rollback that confirms by itself at startup is not
 * what an update needs.
 */
int32_t daruma_rollback_enabled(void)
{
#if CONFIG_BOOTLOADER_APP_ROLLBACK_CONFIRM_BY_APP
	return 1;
#elif CONFIG_BOOTLOADER_APP_ROLLBACK_CONFIRM_ON_STARTUP
	return 0;
#elif CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
	return 1;
#else
	return 0;
#endif
}

/* 1 when this app was built for a bootloader that checks the image at every boot. */
int32_t daruma_validation_enabled(void)
{
#if CONFIG_BOOTLOADER_SKIP_VALIDATE_ALWAYS || CONFIG_BOOTLOADER_SKIP_VALIDATE_ON_POWER_ON
	return 0;
#else
	return 1;
#endif
}

#if CONFIG_ESP_TASK_WDT_EN

static esp_task_wdt_user_handle_t watchdog_user;

/* The task watchdog has one timeout for all its users; `panic` is what makes it reset the chip. */
static esp_err_t watchdog_configure(uint32_t timeout_ms, bool panic)
{
	uint32_t idle_cores = 0;
#if CONFIG_ESP_TASK_WDT_CHECK_IDLE_TASK_CPU0
	idle_cores |= 1;
#endif
#if CONFIG_ESP_TASK_WDT_CHECK_IDLE_TASK_CPU1
	idle_cores |= 2;
#endif
	esp_task_wdt_config_t config = {
		.timeout_ms = timeout_ms,
		.idle_core_mask = idle_cores,
		.trigger_panic = panic,
	};
	esp_err_t err = esp_task_wdt_reconfigure(&config);
	return err == ESP_ERR_INVALID_STATE ? esp_task_wdt_init(&config) : err;
}

/* A user of the task watchdog of our own, so that only daruma_watchdog_feed keeps it quiet. */
int32_t daruma_watchdog_arm(uint32_t timeout_ms)
{
	esp_err_t err = watchdog_configure(timeout_ms, true);
	if (err == ESP_OK && watchdog_user == NULL)
		err = esp_task_wdt_add_user("daruma", &watchdog_user);
	return err;
}

/*
 * The SDK's main.c makes the task of the event loop a user, too, which is fed between two turns; the
 * timer starts again only when all users have reset it (esp_task_wdt.c). Whoever feeds in the middle
 * of a long turn runs in that task, so it is reset as well.
 */
int32_t daruma_watchdog_feed(void)
{
	if (watchdog_user == NULL)
		return ESP_OK;
	if (esp_task_wdt_status(NULL) == ESP_OK)
		esp_task_wdt_reset();
	return esp_task_wdt_reset_user(watchdog_user);
}

/* Leaves the watchdog to its other users, with the settings of the build if it has any. */
int32_t daruma_watchdog_disarm(void)
{
	if (watchdog_user == NULL)
		return ESP_OK;
	esp_err_t err = esp_task_wdt_delete_user(watchdog_user);
	if (err != ESP_OK)
		return err;
	watchdog_user = NULL;
#ifndef CONFIG_ESP_TASK_WDT_INIT
	return ESP_OK;
#elif CONFIG_ESP_TASK_WDT_PANIC
	return watchdog_configure(CONFIG_ESP_TASK_WDT_TIMEOUT_S * 1000u, true);
#else
	return watchdog_configure(CONFIG_ESP_TASK_WDT_TIMEOUT_S * 1000u, false);
#endif
}

#else

int32_t daruma_watchdog_arm(uint32_t timeout_ms)
{
	(void)timeout_ms;
	return ESP_ERR_NOT_SUPPORTED;
}

int32_t daruma_watchdog_feed(void)
{
	return ESP_ERR_NOT_SUPPORTED;
}

int32_t daruma_watchdog_disarm(void)
{
	return ESP_ERR_NOT_SUPPORTED;
}

#endif

/* Version of the engine, 256 * major + minor: that of the mods which it can run (xsAPI.c). */
int32_t daruma_xs_version(void)
{
	return XS_MAJOR_VERSION * 256 + XS_MINOR_VERSION;
}

/* Base MAC address as 12 hexadecimal digits; "000000000000" when it cannot be read. Static. */
const char *daruma_device_id(void)
{
	static char text[13];
	uint8_t mac[6] = {0};
	(void)esp_efuse_mac_get_default(mac);
	snprintf(text, sizeof text, "%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return text;
}
