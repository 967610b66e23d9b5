/* Stand-in for ESP-IDF's header of this name: the declarations that daruma.c uses, no more. */
#pragma once
#include "esp_partition.h"
const esp_partition_t *esp_ota_get_running_partition(void);
uint8_t esp_ota_get_app_partition_count(void);
esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition);
esp_err_t esp_ota_mark_app_invalid_rollback(void);
typedef enum {
	ESP_OTA_IMG_NEW = 0x0,
	ESP_OTA_IMG_PENDING_VERIFY = 0x1,
	ESP_OTA_IMG_UNDEFINED = 0xFFFFFFFF,
} esp_ota_img_states_t;
esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition,
				      esp_ota_img_states_t *ota_state);
