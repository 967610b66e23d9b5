/** The options of the agent on a bench: short times, and signatures that last as on a device. */
import type { AgentOptions } from "../../src/agent/options.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import type { BootedDevice } from "./board.js";
import { timedVerifier } from "./durations.js";
import type { BenchOptions } from "./rest.js";

export function benchAgentOptions(options: BenchOptions, device: BootedDevice): AgentOptions {
  const verify = options.agent?.verifySignature ?? verifyEd25519;
  return {
    vendor: options.vendor,
    deviceClass: options.deviceClass,
    trustAnchors: [options.trustAnchor],
    serverUrl: "http://updates.example.com",
    pollIntervalMs: 60_000,
    trialTimeoutMs: 60_000,
    trialServerMs: 60_000,
    ...options.agent,
    verifySignature: timedVerifier(verify, device.busy, options.verificationMs),
  };
}
