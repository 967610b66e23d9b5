/* Stand-in for ESP-IDF's header of this name: the declarations that daruma.c uses, no more. */
#pragma once
#include "esp_err.h"
typedef enum { ESP_PARTITION_TYPE_APP = 0x00, ESP_PARTITION_TYPE_DATA = 0x01 } esp_partition_type_t;
typedef enum {
	ESP_PARTITION_SUBTYPE_APP_FACTORY = 0x00,
	ESP_PARTITION_SUBTYPE_APP_OTA_MIN = 0x10,
	ESP_PARTITION_SUBTYPE_APP_OTA_MAX = 0x20,
} esp_partition_subtype_t;
typedef struct {
	esp_partition_type_t type;
	esp_partition_subtype_t subtype;
} esp_partition_t;
const esp_partition_t *esp_partition_find_first(esp_partition_type_t type,
						esp_partition_subtype_t subtype, const char *label);
