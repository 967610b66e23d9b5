export * from "daruma-ota/hosts/esp32/tls";
