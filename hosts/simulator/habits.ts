/**
 * Bad habits of networks, of those who offer releases, of supplies and of releases: each goes on
 * for hours or weeks of virtual time. What a device may cost meanwhile, and how soon it is up to
 * date when the habit ends, is judged in weeks.ts.
 */
import { asciiBytes } from "../../src/bytes.js";
import { bytesBody } from "../../src/server/body.js";
import type { ServerRequest } from "../../src/server/handler.js";
import { rewriteBody } from "./answer-changes.js";
import type { Habit, Scene } from "./habit.js";
import type { Delivery } from "./network.js";
import { networkTargetOf } from "./network-faults.js";

const minuteMs = 60_000;
const hourMs = 3_600_000;

const isPayload = ({ path }: ServerRequest): boolean => networkTargetOf(path) === "payload";
const isOffer = ({ path }: ServerRequest): boolean => networkTargetOf(path) === "offer";
const isReport = ({ path }: ServerRequest): boolean => networkTargetOf(path) === "report";

function status(delivery: Delivery, code: number, headers: [string, string][] = []): void {
  const length: [string, string] = ["content-length", "0"];
  delivery.response = {
    status: code,
    headers: new Map([...headers, length]),
    body: bytesBody(new Uint8Array(0)),
  };
}

function content(delivery: Delivery, bytes: Uint8Array): void {
  const headers = new Map([["content-length", `${bytes.length}`]]);
  delivery.response = { status: 200, headers, body: bytesBody(bytes) };
}

/** One bit of each payload is another one, behind the image header. */
function flipBit(request: ServerRequest, delivery: Delivery, { random }: Scene): void {
  if (!isPayload(request)) return;
  rewriteBody(delivery, (bytes) => {
    const at = Math.min(64 + random.below(100_000), bytes.length - 1);
    bytes[at] ^= 1 << random.below(8);
    return bytes;
  });
}

/** In the first 50 minutes of a boot. */
function isEarlyTrial({ simulation }: Scene): boolean {
  const bootedMs = simulation.boots.at(-1)?.atMs ?? 0;
  return simulation.world.nowMs - bootedMs < 50 * minuteMs;
}

const busyForADay: [string, string][] = [["retry-after", "86400"]];

/** In the order of the table. */
export const habits = {
  quiet: {
    about: "none: nothing is wrong",
    keepsUp: true,
    // One for each offer that is new to it.
    wear: { verificationsPerHour: 3, reportsPerDay: 4 },
  },
  "flipped-bit": { about: "one bit of each payload answer is another one", answer: flipBit },
  "wrong-head": {
    about: "the first block of each payload is not an image's",
    answer: (request, delivery) => {
      if (isPayload(request) && !request.headers.has("range")) {
        rewriteBody(delivery, (bytes) => bytes.fill(0x5a, 0, 4096));
      }
    },
  },
  "last-byte": {
    about: "the last byte of each payload is another one",
    answer: (request, delivery) => {
      if (isPayload(request)) {
        rewriteBody(delivery, (bytes) => {
          bytes[bytes.length - 1] ^= 0xff;
          return bytes;
        });
      }
    },
  },
  "break-at-end": {
    about: "each payload breaks off one byte before its end",
    answer: (request, delivery) => {
      if (isPayload(request)) delivery.breakAfterBytes = delivery.response.body.lengthBytes - 1;
    },
  },
  "no-ranges": {
    about: "the server ignores ranges, and each payload breaks off near its end",
    answer: (request, delivery) => {
      if (!isPayload(request)) return;
      const headers = new Map(request.headers);
      headers.delete("range");
      delivery.response = delivery.ask({ ...request, headers });
      delivery.breakAfterBytes = Math.floor(delivery.response.body.lengthBytes * 0.9);
    },
  },
  "a-block-each": {
    about: "each payload answer breaks off after 5000 bytes",
    answer: (request, delivery) => {
      if (isPayload(request)) delivery.breakAfterBytes = 5000;
    },
  },
  "payload-gone": {
    about: "payloads are answered 404",
    answer: (request, delivery) => {
      if (isPayload(request)) status(delivery, 404);
    },
    isTold: true,
  },
  down: {
    about: "no connection to the server",
    answer: (_request, delivery) => {
      delivery.connects = false;
    },
  },
  portal: {
    about: "everything is answered by a sign-in page",
    answer: (_request, delivery) => content(delivery, asciiBytes("<!DOCTYPE html>Sign in")),
  },
  forged: {
    about: "each poll gets another forged envelope",
    answer: (request, delivery, scene) => {
      if (isOffer(request)) content(delivery, scene.forgery());
    },
  },
  "same-forgery": {
    about: "each poll gets the same forged envelope",
    answer: (request, delivery, scene) => {
      if (isOffer(request)) content(delivery, scene.forgery(true));
    },
    wear: { reportsPerDay: 4 },
  },
  "busy-for-a-day": {
    about: "everything is answered 503, Retry-After a day",
    answer: (_request, delivery) => status(delivery, 503, busyForADay),
    recoveryHours: 48,
  },
  lossy: {
    about: "half of all requests fail, in one way or another",
    answer: (request, delivery, scene) => {
      const draw = scene.random.below(10);
      if (draw === 0) delivery.connects = false;
      if (draw === 1) status(delivery, 502);
      if (draw === 2) delivery.breakAfterBytes = scene.random.below(60_000);
      if (draw === 3) delivery.stallAfterBytes = scene.random.below(60_000);
      if (draw === 4) flipBit(request, delivery, scene);
    },
  },
  "trial-down": {
    about: "no connection while a release is on trial, for 50 minutes",
    answer: (_request, delivery, scene) => {
      if (scene.state === "trial" && isEarlyTrial(scene)) delivery.connects = false;
    },
    keepsUp: true,
  },
  "trial-forged": {
    about: "forged envelopes while a release is on trial, and 4 s for each signature check",
    answer: (request, delivery, scene) => {
      if (!isOffer(request) || scene.state !== "trial") return;
      if (isEarlyTrial(scene)) content(delivery, scene.forgery());
    },
    verificationMs: 4000,
    watchdogTimeoutMs: 5000,
    keepsUp: true,
  },
  "trial-cut-off": {
    about: "no connection while a release is on trial, for as long as that takes",
    answer: (_request, delivery, { state }) => {
      if (state === "trial") delivery.connects = false;
    },
    recoveryHours: 720,
  },
  "reports-500": {
    about: "reports are answered 500, and each 6 h there is a newer release",
    answer: (request, delivery) => {
      if (isReport(request)) status(delivery, 500);
    },
    stepMs: 6 * hourMs,
    step: (scene) => scene.offer(2 + scene.steps),
    keepsUp: true,
  },
  "reports-404": {
    about: "reports are answered 404",
    answer: (request, delivery) => {
      if (isReport(request)) status(delivery, 404);
    },
    keepsUp: true,
    isDropped: true,
  },
  "reports-busy": {
    about: "reports are answered 503, Retry-After a day; the supply fails each quarter of an hour",
    answer: (request, delivery) => {
      if (isReport(request)) status(delivery, 503, busyForADay);
    },
    stepMs: 15 * minuteMs,
    step: ({ simulation }) => simulation.board.cutPower(),
    keepsUp: true,
    // Each of its 96 boots a day may try.
    wear: { reportsPerDay: 200 },
  },
  "two-in-turn": {
    about: "two releases are offered in turn, both with one wrong bit",
    answer: flipBit,
    stepMs: 10 * minuteMs,
    step: (scene) => scene.offer(2 + (scene.steps % 2)),
  },
  "five-in-turn": {
    about: "five releases are offered in turn, all with one wrong bit",
    answer: flipBit,
    stepMs: 10 * minuteMs,
    step: (scene) => scene.offer(2 + (scene.steps % 5)),
  },
  "used-up": {
    about: "one bit of each payload answer is another one, until a newer release comes",
    answer: flipBit,
    isFollowed: true,
    recoveryHours: 3,
  },
  rising: {
    about: "a newer release each hour, all with one wrong bit",
    answer: flipBit,
    stepMs: hourMs,
    step: (scene) => scene.offer(2 + scene.steps),
  },
  "on-and-off": {
    about: "a release is offered and withdrawn in turn, and its payload breaks off half-way",
    answer: (request, delivery) => {
      if (isPayload(request)) delivery.breakAfterBytes = 50_000;
    },
    stepMs: 7 * minuteMs,
    step: ({ simulation, release, steps }) => {
      if (steps % 2 === 0) simulation.publish(release(2));
      else simulation.withdraw(release(2).name);
    },
  },
  downgrade: {
    about: "the release before the confirmed one is offered",
    first: 3,
    stepMs: 12 * hourMs,
    step: (scene) => scene.offer(2),
    trialsMax: 0,
    keepsUp: true,
  },
  quarterly: {
    about: "the supply fails each quarter of an hour",
    stepMs: 15 * minuteMs,
    step: ({ simulation }) => simulation.board.cutPower(),
    keepsUp: true,
  },
  "download-cut": {
    about: "the supply fails in each download, after 30 KB",
    stepMs: 15 * minuteMs,
    when: ({ simulation, steps }) => simulation.payloadBytes() > 30_000 * (steps + 1),
    step: ({ simulation }) => simulation.board.cutPower(),
    // No bound on what a supply may do: three more erases of up to 64 KB for each pass.
    // And of 96 boots a day each saves its time twice.
    wear: { erasesPerDay: 32, erasesPerWeek: 104, writesPerDay: 200 },
  },
  "trial-cut": {
    about: "the supply fails in each trial",
    stepMs: 15 * minuteMs,
    when: ({ state }) => state === "trial",
    step: ({ simulation, state }) => {
      if (state === "trial") simulation.board.cutPower();
    },
    trialsMax: 16 + 1,
    recoveryHours: 720,
    wear: { recordErasesPerDay: 32, recordErasesPerWeek: 112 },
  },
  "trial-cut-unguarded": {
    about: "the same, where the bootloader does not revert",
    stepMs: 15 * minuteMs,
    when: ({ state }) => state === "trial",
    step: ({ simulation, state }) => {
      if (state === "trial") simulation.board.cutPower();
    },
    // Each shows in one more boot that it was cut.
    trialsMax: 2 * (16 + 1),
    recoveryHours: 720,
    isUnguarded: true,
    wear: { recordErasesPerDay: 32, recordErasesPerWeek: 112 },
  },
  crashing: {
    about: "the release crashes in its trial",
    behaviour: "crash",
    trialsMax: 1,
    isOwnFault: true,
  },
  hanging: {
    about: "the release hangs in its trial",
    behaviour: "hang",
    trialsMax: 1,
    isOwnFault: true,
  },
  failing: {
    about: "a self-test of the release fails",
    behaviour: "fail-test",
    trialsMax: 1,
    isOwnFault: true,
  },
  unconnected: {
    about: "the release has no network",
    behaviour: "no-network",
    trialsMax: 5,
  },
} as const satisfies Readonly<Record<string, Habit>>;

export type HabitName = keyof typeof habits;
export const habitNames = Object.freeze(Object.keys(habits) as HabitName[]);
