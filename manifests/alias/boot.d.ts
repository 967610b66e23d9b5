export * from "daruma-ota/src/boot-check";
