/** What the SDK's network classes do on answers of a server, without our guard and with it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MonotonicClock } from "../../hosts/esp32/guards.js";
import { createHal } from "../../hosts/esp32/hal.js";
import { ClientHttp } from "../../hosts/esp32/http.js";
import type { WireAnswer } from "../../hosts/simulator/moddable-habits.js";
import { wireBytes } from "../../hosts/simulator/moddable-wire.js";
import type { SimulatedRelease } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { buildImage } from "../../src/author/esp-image.js";
import { asciiBytes } from "../../src/bytes.js";
import { limits } from "../../src/limits.js";
import type { ServerResponse } from "../../src/server/handler.js";
import { digest } from "../helpers/digest.js";
import { release, simulated } from "../helpers/simulated.js";
import { aborts, ask, atFirst, installs, joined, wired } from "../helpers/wired.js";

const test = suite("esp32/guards");

test("a whole update runs over the SDK's habits, without an abort or a socket left open", () => {
  const { simulation, habits } = wired({ guarded: true });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
  assert.equal(simulation.violations(), []);
  simulation.run(() => false, 1000);
  assert.is(habits().openSockets, 0);
});

/** Release 3, whose image fills more than seven windows. */
function largeRelease(): SimulatedRelease {
  const image = buildImage(
    { chipId: 0, version: "3", projectName: "x", sizeBytes: 42_000 },
    digest,
  );
  return release(3, "healthy", image);
}

const garbage = { bytes: asciiBytes("SSH-2.0-dropbear\r\nmore\r\n"), closes: true };

test("a garbage status line aborts XS without the guard", () => {
  const { simulation } = wired({
    guarded: false,
    mangle: atFirst("latest", 1, () => garbage),
  });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("a garbage status line is a failed exchange with the guard, and the update goes on", () => {
  const { simulation } = wired({
    guarded: true,
    mangle: atFirst("latest", 3, () => garbage),
  });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
});

test("a certificate that is not trusted aborts XS without the guard", () => {
  const { simulation } = wired({ guarded: false, tls: true, untrusted: Number.POSITIVE_INFINITY });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("a certificate that is not trusted makes the server unreachable with the guard", () => {
  const { simulation, habits } = wired({
    guarded: true,
    tls: true,
    untrusted: Number.POSITIVE_INFINITY,
  });
  simulation.run(() => false, 600_000);
  assert.is(aborts(simulation), 0);
  assert.is(simulation.board.boots, 1);
  assert.is(simulation.wire().length, 0);
  assert.is(habits().openSockets, 0);
});

test("an update goes on, and is told, once the certificate is trusted again", () => {
  const { simulation } = wired({ guarded: true, tls: true, untrusted: 4 });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
});

test("a whole update runs over TLS, record by record, without an abort", () => {
  const { simulation, habits } = wired({ guarded: true, tls: true });
  const large = largeRelease();
  simulation.publish(large);
  simulation.run(() => simulation.reports().at(-1)?.sequenceNumber === 3, 7_200_000);
  assert.ok(simulation.runs(large.image));
  assert.is(aborts(simulation), 0);
  assert.equal(simulation.violations(), []);
  simulation.run(() => false, 60_000);
  assert.is(habits().openSockets, 0);
});

for (const guarded of [false, true]) {
  const outcome = guarded ? "breaks the connection with the guard" : "aborts XS without the guard";
  test(`a damaged TLS record behind a good one ${outcome}`, () => {
    const { simulation } = wired({ guarded, tls: true, damaged: 3 });
    const large = largeRelease();
    simulation.publish(large);
    const isTold = (): boolean => simulation.reports().at(-1)?.sequenceNumber === 3;
    simulation.run(() => isTold() || aborts(simulation) > 0, 7_200_000);
    assert.is(aborts(simulation), guarded ? 0 : 1);
    assert.is(simulation.runs(large.image), guarded);
  });
}

test("a name that resolves after close opens a socket for good, without the guard", () => {
  const { simulation, habits } = wired({ guarded: false, agent: { stallTimeoutMs: 5 } });
  simulation.run(() => false, 600_000);
  assert.ok(habits().openSockets > 3);
});

test("a name that resolves after close opens nothing with the guard", () => {
  const { simulation, habits } = wired({ guarded: true, agent: { stallTimeoutMs: 5 } });
  simulation.run(() => false, 600_000);
  assert.is(habits().openSockets, 0);
});

test("a full look-up queue is a failed exchange, not an exception", () => {
  const { simulation } = wired({ guarded: true, lookUpsMax: 0 });
  simulation.run(() => false, 600_000);
  assert.is(aborts(simulation), 0);
  assert.not(simulation.timeline.some((line) => line.text.startsWith("fault")));
});

/** Ways of an answer after which the SDK's client waits for ever; the agent must not. */
const endless: readonly (readonly [string, string, (response: ServerResponse) => WireAnswer])[] = [
  [
    "a 304 without a length",
    "latest",
    () => ({ bytes: asciiBytes("HTTP/1.1 304 Not Modified\r\n\r\n"), closes: false }),
  ],
  [
    "a 100 before the answer",
    "latest",
    (response) => ({
      bytes: joined(asciiBytes("HTTP/1.1 100 Continue\r\n\r\n"), wireBytes(response)),
      closes: false,
    }),
  ],
  [
    "a body without a length on a connection that stays open",
    ".bin",
    (response) => ({ bytes: wireBytes(response, false), closes: false }),
  ],
  [
    "a body without a length on a connection that is closed",
    ".bin",
    (response) => ({ bytes: wireBytes(response, false), closes: true }),
  ],
];
for (const [name, path, answer] of endless) {
  test(`${name} never completes for the client`, () => {
    const { simulation, habits } = wired({ guarded: true, mangle: atFirst(path, 99, answer) });
    simulation.run(() => false, 1000);
    simulation.publish(release(2));
    const completed: unknown[] = [];
    const file = path === "latest" ? "latest.suit" : release(2).uri;
    const { request } = ask(habits(), file, {
      onReadable: (count) => request.read(new Uint8Array(count)),
      onDone: (error) => completed.push(error),
    });
    simulation.run(() => false, 600_000);
    assert.not(completed.includes(null));
  });

  test(`${name} is given up by the agent, and the update goes on`, () => {
    const { simulation } = wired({ guarded: true, mangle: atFirst(path, 2, answer) });
    assert.ok(installs(simulation));
    assert.is(aborts(simulation), 0);
    assert.equal(simulation.violations(), []);
  });
}

/** A head that goes on for 200 KB and has no end. */
const longHead = (line: string) => (): WireAnswer => ({
  bytes: asciiBytes(line + "x-cache: yes\r\n".repeat(14_000)),
  closes: false,
});
const longLine = (): WireAnswer => ({ bytes: asciiBytes("H".repeat(200_000)), closes: false });

test("a head without an end is kept whole by the SDK's client", () => {
  const answer = atFirst("latest", 99, longHead("HTTP/1.1 200 OK\r\n"));
  const { simulation, habits } = wired({ guarded: true, mangle: answer });
  simulation.run(() => false, 1000);
  simulation.publish(release(2));
  habits().takenBytesMost = 0;
  ask(habits(), "latest.suit", {});
  simulation.run(() => false, 60_000);
  assert.ok(habits().takenBytesMost > 190_000);
});

/** Line by line, as much as TLS decrypts at once. */
const recordBytes = 700;
for (const tls of [false, true]) {
  for (const [name, answer, mostBytes] of [
    ["headers", longHead("HTTP/1.1 200 OK\r\n"), limits.headLinesMax * 17],
    ["a status line", longLine, limits.headBytesMax],
  ] as const) {
    test(`${name} without an end ${tls ? "over TLS " : ""}cost the agent little RAM`, () => {
      const { simulation, habits } = wired({
        guarded: true,
        tls,
        mangle: atFirst("latest", 9, answer),
      });
      simulation.publish(release(2));
      simulation.run(() => false, 20_000);
      const taken = habits().takenBytesMost;
      assert.ok(taken > 700 && taken <= mostBytes + recordBytes, `${taken} bytes`);
      assert.ok(installs(simulation));
      assert.is(aborts(simulation), 0);
      assert.equal(simulation.violations(), []);
    });
  }
}

/** The statuses and body lengths that the agent's HTTP gets for `answers`, one after another. */
function fetched(answers: readonly WireAnswer[], tls: boolean): string[] {
  let next = 0;
  const { simulation, client } = wired({
    guarded: true,
    tls,
    mangle: (path) => (path.includes("latest") ? answers[next++ % answers.length] : null),
  });
  simulation.run(() => false, 1000);
  next = 0;
  const told: string[] = [];
  const into = new Uint8Array(4096);
  const ask = (): void => {
    let text = "";
    let count = 0;
    new ClientHttp(client(), "http").request(
      {
        hostname: "updates.example.com",
        port: 80,
        method: "GET",
        path: "/example.com/lamp-v2/latest.suit",
        headers: new Map(),
      },
      {
        headersReceived: (_request, status, headers) => {
          text = `${status}, ${headers.size} headers`;
        },
        dataReadable: (request, countBytes) => {
          count += request.read(into.subarray(0, countBytes));
        },
        ended: (_request, failed) => {
          told.push(failed ? "failed" : `${text}, ${count} bytes`);
          if (told.length < answers.length) ask();
        },
      },
    );
  };
  ask();
  simulation.run(() => told.length === answers.length, 60_000);
  return told;
}

const honestHead =
  "HTTP/1.1 200 OK\r\nServer: any\r\nETag:x\r\nX-Cache: \r\nContent-Length: 5\r\n\r\n";

for (const tls of [false, true]) {
  test(`an honest head may be torn anywhere between two windows${tls ? " of TLS" : ""}`, () => {
    const bytes = asciiBytes(`${honestHead}12345`);
    const answers = Array.from(bytes, (_, at) => ({ bytes, closes: false, firstBytes: at + 1 }));
    assert.equal(
      fetched(answers, tls),
      answers.map(() => "200, 4 headers, 5 bytes"),
    );
  });

  test(`a head has at most 64 lines and 4 KB${tls ? " over TLS" : ""}`, () => {
    const answer = (headers: string): WireAnswer => ({
      bytes: asciiBytes(`HTTP/1.1 200 OK\r\n${headers}Content-Length: 0\r\n\r\n`),
      closes: false,
    });
    const lines = (count: number): string =>
      Array.from({ length: count }, (_, at) => `x${at}: y\r\n`).join("");
    // Beside them the status line, the length and the empty line.
    const others = answer("").bytes?.length ?? 0;
    const long = (bytes: number): string => `x: ${"y".repeat(bytes - others - 5)}\r\n`;
    assert.equal(
      fetched(
        [
          answer(lines(limits.headLinesMax - 3)),
          answer(lines(limits.headLinesMax - 2)),
          answer(long(limits.headBytesMax)),
          answer(long(limits.headBytesMax + 1)),
        ],
        tls,
      ),
      ["200, 62 headers, 0 bytes", "failed", "200, 2 headers, 0 bytes", "failed"],
    );
  });
}

test("a server that goes silent is given up by the agent, and the download resumes", () => {
  const { simulation } = wired({
    guarded: true,
    mangle: atFirst(".bin", 2, (response) => ({
      bytes: wireBytes(response).subarray(0, 9000),
      closes: false,
    })),
  });
  assert.ok(installs(simulation));
  assert.equal(simulation.violations(), []);
});

/** The release in two chunks of equal size, with a trailer, as RFC 9112 7.1 allows. */
function chunked(response: ServerResponse): WireAnswer {
  const { body } = response;
  const bytes = new Uint8Array(body.lengthBytes);
  body.read(0, bytes, 0, bytes.length);
  const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  const sized = joined(asciiBytes(`${head}${bytes.length.toString(16)}\r\n`), bytes);
  return { bytes: joined(sized, asciiBytes("\r\n0\r\ndigest: none\r\n\r\n")), closes: false };
}

test("a chunk's trailer is an exception in a timer of the client, and aborts XS", () => {
  const { simulation, habits } = wired({ guarded: true, mangle: atFirst("latest", 99, chunked) });
  simulation.publish(release(2));
  simulation.run(() => false, 1000);
  const { request } = ask(habits(), "latest.suit", {
    onReadable: (count) => request.read(new Uint8Array(count)),
  });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("a chunked answer is a failed exchange for the agent, and the update goes on", () => {
  for (const path of ["latest", ".bin"]) {
    const { simulation } = wired({ guarded: true, mangle: atFirst(path, 3, chunked) });
    assert.ok(installs(simulation), path);
    assert.is(aborts(simulation), 0);
  }
});

for (const [form, taken, closes] of [
  ["chunked", "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n", false],
  ["a trailer at once", "transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n", false],
  ["no length, then closed", "server: x\r\n\r\n", true],
  ["no length, left open", "server: x\r\n\r\n", false],
  ["a length that never comes", "content-length: 5\r\n\r\nok", true],
] as const) {
  test(`a report is delivered by its status, whatever the answer's body: ${form}`, () => {
    const bytes = asciiBytes(`HTTP/1.1 201 Created\r\n${taken}`);
    const { simulation } = wired({
      guarded: true,
      mangle: atFirst("reports", 99, () => ({ bytes, closes })),
    });
    assert.ok(installs(simulation));
    simulation.run(() => false, 3_600_000);
    assert.is(aborts(simulation), 0);
    const posts = simulation.wire().filter((one) => one.method === "POST");
    assert.is(posts.length, 1, "told once");
  });
}

test("the agent asks with GET and POST only: the answer to a HEAD never completes", () => {
  const { simulation, habits } = wired({ guarded: true });
  assert.ok(installs(simulation));
  const methods = new Set(simulation.wire().map((one) => one.method));
  assert.equal([...methods].sort(), ["GET", "POST"]);
  const completed: unknown[] = [];
  ask(habits(), "latest.suit", { method: "HEAD", onDone: (error) => completed.push(error) });
  simulation.run(() => false, 600_000);
  assert.equal(completed, []);
});

test("bytes that are not read are announced only once; the agent reads all of them", () => {
  const { simulation, habits } = wired({ guarded: true });
  // More than seven windows.
  const image = buildImage(
    { chipId: 0, version: "3", projectName: "x", sizeBytes: 42_000 },
    digest,
  );
  const large = release(3, "healthy", image);
  simulation.publish(large);
  const isTold = (): boolean => simulation.reports().at(-1)?.sequenceNumber === 3;
  simulation.run(isTold, 7_200_000);
  assert.ok(simulation.runs(large.image));
  const announced: number[] = [];
  ask(habits(), large.uri, { onReadable: (count) => announced.push(count) });
  simulation.run(() => false, 600_000);
  assert.is(announced.length, 1);
  assert.ok(announced[0] < large.image.length);
});

test("an agent on a host with TLS takes an https URL only", () => {
  const make = (httpScheme: "http" | "https", serverUrl: string): Agent => {
    let agent: Agent | null = null;
    const board = simulated({
      application: (device, options) => {
        agent = new Agent(createHal({ ...device.platform, httpScheme }), { ...options, serverUrl });
      },
    });
    board.run(() => false, 1000);
    const made = agent as Agent | null;
    const abort = board.timeline.find((line) => line.text.includes("XS abort"));
    if (made === null) throw new Error(abort?.text);
    return made;
  };
  assert.is(make("https", "https://u.example").server.port, 443);
  assert.throws(() => make("https", "http://u.example"), /must be https:/);
  assert.throws(() => make("http", "https://u.example"), /must be http:/);
});

test("the clock goes on where the counter of 32 bits wraps, signed or not", () => {
  const ticks = [0x7ffffff0, 0x7fffffff, -0x80000000, -0x7ffffff0];
  const clock = new MonotonicClock(() => ticks.shift() ?? 0);
  assert.equal([clock.nowMs(), clock.nowMs(), clock.nowMs()], [15, 16, 32]);
});

test.run();
