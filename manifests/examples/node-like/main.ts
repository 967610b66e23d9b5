// An application with an agent in the background. The boot check comes first, then the application,
// which is the self-test of a new image: it must handle messages. Updates wait for a safe moment, and
// their progress is shown.
import { Agent, BootCheck, explain, type Progress, trustAnchorOf } from "daruma-ota";
import { connectWifi, createHal } from "daruma-ota/esp32";
import { Flow } from "flow";
import config from "mc/config";
import Timer from "timer";

export const hal = createHal();
export const boot = new BootCheck(hal, { trialTimeoutMs: 180_000 });
const findings = boot.run();
if (findings?.trial === true) hal.log("this image is on trial");
if (findings !== null && findings.abort !== "") hal.log(`last time: ${findings.abort}`);

export const flow = new Flow(1000);
boot.addSelfTest((done) => {
  Timer.set(() => done(flow.handled > 0), 5000);
});

export const wifi = connectWifi({ SSID: config.ssid, password: config.password });

function show(progress: Progress): void {
  const { activity, bytes, totalBytes, reason, state } = progress;
  if (activity !== "") hal.log(`${activity}: ${bytes} of ${totalBytes} bytes`);
  else hal.log(reason === "" ? state : `${state}: ${explain(reason)}`);
}

export const agent = new Agent(
  hal,
  {
    vendor: "example.com",
    deviceClass: "node-v1",
    serverUrl: config.updateServer,
    trustAnchors: [trustAnchorOf(config.trustAnchor)],
    veto: () => !flow.isSafe,
    onProgress: show,
    pollIntervalMs: 600_000,
  },
  boot,
);
agent.start();
