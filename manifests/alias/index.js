export * from "daruma-ota/src/index";
