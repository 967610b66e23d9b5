/**
 * The firmware of a simulated device as it runs on XS: an agent around one of the known behaviours,
 * the same as Simulation's own. Returns the function that takes the board's events.
 */
import { Agent } from "../../src/agent/agent.js";
import type { Progress, SelfTest } from "../../src/agent/options.js";
import { verifyEd25519 } from "../../src/crypto/ed25519.js";
import type { SignatureVerifier } from "../../src/suit/envelope.js";
import { createHal } from "../esp32/hal.js";
import { guarded } from "./guarded.js";
import { partLoaded } from "./measure.js";
import { operations, optionBytes, optionNumbers, optionTexts } from "./operations.js";
import { type BoardPlatform, createBoardPlatform } from "./platform.js";

function optionText(index: number): string {
  return boardText(operations.optionText, index, 0) ?? "";
}

/**
 * Tells the board what the agent does, and ends a phase of the measurement where one ends. Counts
 * of bytes within a phase are not told: a device that does so pays for it itself.
 */
class ProgressTeller {
  #state = "boot";
  #activity = "";
  #reason = "";
  #connection = "";

  tell(progress: Progress): void {
    const state = progress.state;
    const activity = progress.activity;
    const reason = progress.reason;
    const isPhase = state !== this.#state || activity !== this.#activity;
    const connection = progress.connection;
    if (!isPhase && reason === this.#reason && connection === this.#connection) return;
    if (isPhase) hostMark(this.#activity === "" ? this.#state : `${this.#state}:${this.#activity}`);
    this.#state = state;
    this.#activity = activity;
    this.#reason = reason;
    this.#connection = connection;
    boardCall(
      operations.progress,
      progress.bytes,
      progress.totalBytes,
      `${state} ${activity} ${reason} ${connection}`,
    );
  }
}

/** The default verifier; the board's clock is told that it works. */
const verifySignature: SignatureVerifier = (publicKey, signature, message, digest) => {
  boardCall(operations.verify, 1, 0);
  const isGood = verifyEd25519(publicKey, signature, message, digest);
  boardCall(operations.verify, 0, 0);
  return isGood;
};

export default function main(): BoardPlatform["dispatch"] {
  partLoaded();
  const board = createBoardPlatform(guarded);
  const { timer } = board.platform;
  const behaviour = optionText(optionTexts.behaviour);
  if (behaviour === "crash") timer.set(() => boardCall(operations.crash, 0, 0), 1500);
  if (behaviour === "hang") timer.set(() => boardCall(operations.hang, 0, 0), 1500);
  if (behaviour === "no-network") boardCall(operations.link, 0, 0);
  const selfTest: SelfTest = (done) => {
    timer.set(() => done(behaviour !== "fail-test"), 200);
  };
  const teller = new ProgressTeller();
  const anchor = boardBytes(operations.optionBytes, optionBytes.trustAnchor, 0);
  const agent = new Agent(createHal(board.platform), {
    vendor: optionText(optionTexts.vendor),
    deviceClass: optionText(optionTexts.deviceClass),
    trustAnchors: [new Uint8Array(anchor ?? new ArrayBuffer(0))],
    serverUrl: optionText(optionTexts.serverUrl).split(" "),
    selfTests: [selfTest],
    pollIntervalMs: boardCall(operations.optionNumber, optionNumbers.pollIntervalMs, 0),
    trialTimeoutMs: boardCall(operations.optionNumber, optionNumbers.trialTimeoutMs, 0),
    onProgress: (progress) => teller.tell(progress),
    verifySignature,
  });
  agent.start();
  return board.dispatch;
}
