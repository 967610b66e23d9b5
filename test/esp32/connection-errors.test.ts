/** Each failure of the SDK's network classes, as the developer gets to see it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { WireAnswer } from "../../hosts/simulator/moddable-habits.js";
import type { Progress } from "../../src/agent/options.js";
import { asciiBytes } from "../../src/bytes.js";
import { release } from "../helpers/simulated.js";
import { aborts, atFirst, type Wiring, wired } from "../helpers/wired.js";

const test = suite("esp32/connection-errors");

const ok = "HTTP/1.1 200 OK\r\n";
const answer =
  (text: string, closes = false) =>
  (): WireAnswer => ({ bytes: asciiBytes(text), closes });

/** What the SDK's classes fail with, and the line that the developer sees of it. */
const failures: readonly (readonly [string, Omit<Wiring, "guarded">, string])[] = [
  ["a connection that is refused", { meets: ["refusal", "refusal"] }, "connect: connection failed"],
  ["a server that is silent", { meets: ["silence"] }, "connect: silent for 30 s"],
  ["a full look-up queue", { lookUpsMax: 0 }, "resolve: name not found"],
  ["a clock that is not set", { tls: true, clockless: 2 }, "TLS: date validation failed"],
  ["a certificate that is not trusted", { tls: true, untrusted: 2 }, "TLS: bad certificate"],
  [
    "a refused connection for TLS",
    { tls: true, meets: ["refusal", "refusal"] },
    "connect: connection failed",
  ],
  [
    "an answer over TLS that never comes",
    { tls: true, mangle: atFirst("latest", 1, answer("")) },
    "answer: silent for 30 s",
  ],
  [
    "a damaged record",
    {
      tls: true,
      damaged: 2,
      mangle: atFirst("latest", 2, answer(`${ok}content-length: 900\r\n\r\n${"x".repeat(900)}`)),
    },
    "answer: bad record MAC",
  ],
  [
    "a garbage status line",
    { mangle: atFirst("latest", 2, answer("SSH-2.0-dropbear\r\nmore\r\n", true)) },
    "answer: connection failed",
  ],
  [
    "an answer that breaks off",
    {
      mangle: atFirst("latest", 2, answer(`${ok}content-length: 900\r\n\r\nx`, true)),
    },
    "answer: connection failed",
  ],
  [
    "a head without an end",
    { mangle: atFirst("latest", 2, answer("H".repeat(20_000))) },
    "answer: head too long",
  ],
  [
    "a header without a value",
    {
      mangle: atFirst("latest", 2, answer(`${ok}x-empty:\r\n\r\n`)),
    },
    "answer: header without a value",
  ],
  [
    "a chunked answer",
    { mangle: atFirst("latest", 2, answer(`${ok}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n`)) },
    "answer: chunked",
  ],
  [
    "an answer that is an error",
    {
      mangle: atFirst("latest", 2, answer("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")),
    },
    "answer: status 503",
  ],
];
for (const [name, wiring, line] of failures) {
  test(`${name} is told to the application, in the log and in the next report`, () => {
    const expected = `${line}, updates.example.com:80`;
    const told: string[] = [];
    const onProgress = ({ connection }: Progress): void => {
      if (connection !== told.at(-1)) told.push(connection);
    };
    const { simulation } = wired({ ...wiring, guarded: true, agent: { onProgress } });
    simulation.publish(release(1));
    simulation.run(() => told.includes(expected), 600_000);
    if (wiring.lookUpsMax !== 0) simulation.run(() => simulation.reports().length > 0, 600_000);
    assert.is(aborts(simulation), 0);
    assert.is(told[1], expected);
    assert.ok(simulation.timeline.some(({ text }) => text === `connection: ${expected}`));
    if (wiring.lookUpsMax === 0) return;
    assert.is(told[2], "", "it works again");
    assert.is(simulation.reports()[0].connection, expected);
  });
}

test("a name that is not found is told", () => {
  const told: string[] = [];
  const { simulation } = wired({
    guarded: true,
    agent: {
      serverUrl: "http://nowhere.example.com",
      onProgress: ({ connection }) => told.push(connection),
    },
  });
  simulation.run(() => false, 600_000);
  assert.is(told.at(-1), "resolve: name not found, nowhere.example.com:80");
});

test.run();
