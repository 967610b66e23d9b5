// The smallest updatable device: Wi-Fi, an agent, and a LED as its self-test. What the strings say
// comes from "config" in manifest.json, and from the command line for the network's password.

import Digital from "embedded:io/digital";
import { Agent, BootCheck, trustAnchorOf } from "daruma-ota";
import { connectWifi, createHal } from "daruma-ota/esp32";
import config from "mc/config";

export const hal = createHal();
export const boot = new BootCheck(hal);
boot.run();

export const led = new Digital({ pin: config.ledPin, mode: Digital.Output });
boot.addSelfTest((done) => {
  led.write(1);
  done(true);
});

export const wifi = connectWifi({ SSID: config.ssid, password: config.password });

export const agent = new Agent(
  hal,
  {
    vendor: "example.com",
    deviceClass: "lamp-v2",
    serverUrl: config.updateServer,
    trustAnchors: [trustAnchorOf(config.trustAnchor)],
  },
  boot,
);
agent.start();
