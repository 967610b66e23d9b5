/** Each way in which the SDK's network classes abort XS or hang, without our guard and with it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  MonotonicClock,
  type SocketClass,
} from "../../hosts/esp32/guards.js";
import { createHal } from "../../hosts/esp32/hal.js";
import { createHttp } from "../../hosts/esp32/http.js";
import type {
  ClientRequest,
  ClientRequestOptions,
  HttpClientInstance,
} from "../../hosts/esp32/platform.js";
import type { BoardOptions } from "../../hosts/simulator/board.js";
import { ModdableHabits, type WireAnswer } from "../../hosts/simulator/moddable-habits.js";
import { habitClient } from "../../hosts/simulator/moddable-http.js";
import { wireBytes } from "../../hosts/simulator/moddable-wire.js";
import type { Simulation, SimulationOptions } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { buildImage } from "../../src/author/esp-image.js";
import { asciiBytes } from "../../src/bytes.js";
import type { ServerResponse } from "../../src/server/handler.js";
import { digest } from "../helpers/digest.js";
import { release, simulated, update } from "../helpers/simulated.js";

const test = suite("esp32/guards");

interface Wiring {
  readonly guarded: boolean;
  /** So many connections at first, or all, meet a certificate that is not trusted. */
  readonly untrusted?: number;
  readonly lookUpsMax?: number;
  /** Changes what the server sends, while it returns something. */
  readonly mangle?: (path: string, response: ServerResponse) => WireAnswer | null;
  readonly agent?: SimulationOptions["agent"];
}

/** A device whose network is made of the habits, and the habits of its newest boot. */
function wired(wiring: Wiring): { simulation: Simulation; habits: () => ModdableHabits } {
  let newest: ModdableHabits | null = null;
  let untrusted = wiring.untrusted ?? 0;
  const clientClass: BoardOptions["clientClass"] = (run, isAlive) => {
    const habits = new ModdableHabits({
      world: simulation.world,
      run,
      isAlive,
      ...(wiring.lookUpsMax === undefined ? {} : { lookUpsMax: wiring.lookUpsMax }),
      server: (request) => {
        const exchange = simulation.network.exchange(request, "updates.example.com");
        if (exchange === null) throw new Error("the network is up");
        const { response } = exchange.delivery;
        const plain = { bytes: wireBytes(response), closes: false };
        return wiring.mangle?.(request.path, response) ?? plain;
      },
    });
    newest = habits;
    const plain = habits.socketClass() as unknown as SocketClass;
    const Socket = wiring.guarded ? guardedSocket(plain, habits.timer) : plain;
    const Tls = habits.untrustedTlsClass(
      Socket as unknown as ReturnType<typeof habits.socketClass>,
      () => untrusted-- > 0,
    );
    const io = wiring.untrusted === undefined ? Socket : Tls;
    const Resolver = wiring.guarded
      ? guardedResolver(habits.net, habits.timer)
      : habits.plainResolver;
    return guardedClient(habitClient(habits), { io }, Resolver);
  };
  const simulation = simulated({ clientClass, agent: wiring.agent ?? {} });
  const habits = (): ModdableHabits => {
    if (newest === null) throw new Error("no boot yet");
    return newest;
  };
  return { simulation, habits };
}

const aborts = (simulation: Simulation): number =>
  simulation.timeline.filter((line) => line.text.includes("XS abort")).length;

/** True when the device, left alone, installs release 2. */
function installs(simulation: Simulation): boolean {
  simulation.publish(release(2));
  const isTold = (): boolean => simulation.reports().some((one) => one.sequenceNumber === 2);
  simulation.run(isTold, 7_200_000);
  return simulation.reports().at(-1)?.result === "updated" && simulation.runs(release(2).image);
}

/** The given answer the first `times` times that `path` is asked for; then the server's own. */
function atFirst(
  path: string,
  times: number,
  answer: (response: ServerResponse) => WireAnswer,
): NonNullable<Wiring["mangle"]> {
  let left = times;
  return (asked, response) => (asked.includes(path) && left-- > 0 ? answer(response) : null);
}

test("a whole update runs over the SDK's habits, without an abort or a socket left open", () => {
  const { simulation, habits } = wired({ guarded: true });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
  assert.equal(simulation.violations(), []);
  simulation.run(() => false, 1000);
  assert.is(habits().openSockets, 0);
});

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** A request of an application's own, over sockets and resolver without guards. */
function ask(
  habits: ModdableHabits,
  file: string,
  callbacks: Partial<ClientRequestOptions>,
): { client: HttpClientInstance; request: ClientRequest } {
  const Client = habitClient(habits);
  const client = new Client({
    host: "updates.example.com",
    port: 80,
    socket: { io: habits.socketClass() },
    dns: { io: habits.plainResolver },
  });
  const request = client.request({
    method: "GET",
    path: `/example.com/lamp-v2/${file}`,
    headers: new Map(),
    onHeaders: () => {},
    onReadable: () => {},
    onDone: () => {},
    ...callbacks,
  });
  return { client, request };
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
  const { simulation } = wired({ guarded: false, untrusted: Number.POSITIVE_INFINITY });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("a certificate that is not trusted makes the server unreachable with the guard", () => {
  const { simulation, habits } = wired({ guarded: true, untrusted: Number.POSITIVE_INFINITY });
  simulation.run(() => false, 600_000);
  assert.is(aborts(simulation), 0);
  assert.is(simulation.board.boots, 1);
  assert.is(simulation.wire().length, 0);
  assert.is(habits().openSockets, 0);
});

test("an update goes on, and is told, once the certificate is trusted again", () => {
  const { simulation } = wired({ guarded: true, untrusted: 4 });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
});

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

test("a report is delivered by its status, whatever the form of the answer's body", () => {
  const taken = asciiBytes(
    "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
  );
  const { simulation } = wired({
    guarded: true,
    mangle: atFirst("reports", 99, () => ({ bytes: taken, closes: false })),
  });
  assert.ok(installs(simulation));
  simulation.run(() => false, 3_600_000);
  assert.is(aborts(simulation), 0);
  const posts = simulation.wire().filter((one) => one.method === "POST");
  assert.is(posts.length, 1, "told once");
});

test("an exception in onReadable aborts XS without the guard", () => {
  const { simulation, habits } = wired({ guarded: true });
  simulation.publish(release(2));
  simulation.run(() => false, 1000);
  ask(habits(), "latest.suit", {
    onReadable: () => {
      throw new Error("no room");
    },
  });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("an exception in onReadable is an error of the connection with the guard, told once", () => {
  const { simulation, habits } = wired({ guarded: true });
  simulation.run(() => false, 1000);
  const told: unknown[] = [];
  const Socket = guardedSocket(
    habits().socketClass() as unknown as SocketClass,
    habits().timer,
  ) as unknown as ReturnType<ModdableHabits["socketClass"]>;
  const socket = new Socket({
    onReadable: () => {
      throw new Error("no room");
    },
    onError: (error) => {
      told.push(error);
      throw new Error("nor a plan");
    },
  });
  socket.write(asciiBytes("GET /example.com/lamp-v2/latest.suit HTTP/1.1\r\n\r\n"));
  simulation.run(() => false, 60_000);
  assert.equal(
    told.map((error) => (error as Error).message),
    ["no room"],
  );
  assert.is(aborts(simulation), 0);
  assert.ok(installs(simulation));
});

for (const guarded of [false, true]) {
  const outcome = guarded ? "is dropped with the guard" : "aborts XS without the guard";
  test(`an exception in the callback of a name look-up ${outcome}`, () => {
    const { simulation, habits } = wired({ guarded: true });
    simulation.run(() => false, 1000);
    const { net, timer, plainResolver } = habits();
    const gate = { open: true };
    const Resolver = guarded ? guardedResolver(net, timer) : plainResolver;
    new Resolver({ gate }).resolve({
      host: "updates.example.com",
      onResolved: () => {
        throw new Error("closed");
      },
    });
    simulation.run(() => aborts(simulation) > 0, 60_000);
    assert.is(aborts(simulation), guarded ? 0 : 1);
    if (guarded) assert.ok(installs(simulation));
  });
}

test("a read after the end aborts XS where the client is used as it is", () => {
  const { simulation, habits } = wired({ guarded: true });
  simulation.publish(release(2));
  simulation.run(() => false, 1000);
  const { request } = ask(habits(), "latest.suit", {
    onReadable: (count) => request.read(new Uint8Array(count)),
    onDone: () => {
      habits().timer.set(() => request.read(new Uint8Array(1)), 10);
    },
  });
  simulation.run(() => aborts(simulation) > 0, 60_000);
  assert.is(aborts(simulation), 1);
});

test("a read after the end gives nothing over our client, after onDone and after close", () => {
  const { simulation, habits } = wired({ guarded: true });
  simulation.publish(release(2));
  simulation.run(() => false, 1000);
  const http = createHttp(
    guardedClient(habitClient(habits()), { io: habits().socketClass() }, habits().plainResolver),
    "http",
  );
  const into = new Uint8Array(4096);
  const late: number[] = [];
  const start = (closes: boolean): void => {
    const request = http.request({
      hostname: "updates.example.com",
      port: 80,
      method: "GET",
      path: "/example.com/lamp-v2/latest.suit",
      headers: new Map(),
      onHeaders: () => {},
      onReadable: (count) => {
        request.read(into, 0, count);
        if (closes) request.close();
      },
      onDone: () => {},
    });
    habits().timer.set(() => late.push(request.read(into, 0, 1)), 5000);
  };
  start(false);
  start(true);
  simulation.run(() => false, 60_000);
  assert.equal(late, [0, 0]);
  assert.is(aborts(simulation), 0);
});

test("a rejection that nobody handles aborts a new image; the old one tells the server why", () => {
  const simulation = simulated({
    application: (device, options) => {
      new Agent(createHal(device.platform), options).start();
      if (device.slotLabel === "ota_1") {
        // XS finds it when it collects garbage.
        device.platform.timer.set(() => device.abort("unhandled rejection"), 700);
      }
    },
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "crashed");
  assert.is(report?.abort, "unhandled rejection");
  assert.is(aborts(simulation), 1);
  assert.ok(simulation.runs(release(1).image));
});

test("an exception in main aborts a new image; the old one tells the server why", () => {
  const simulation = simulated({
    application: (device, options) => {
      const hal = createHal(device.platform);
      if (device.slotLabel === "ota_1") throw new TypeError("lamp is not a function");
      new Agent(hal, options).start();
    },
  });
  const { report } = update(simulation);
  assert.is(report?.reason, "crashed");
  assert.is(report?.abort, "unhandled exception: lamp is not a function");
});

test("no code of ours on the device makes a promise that could be rejected", () => {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
  const files = ["src", "hosts/esp32"].flatMap((dir) =>
    readdirSync(join(root, dir), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/^(author|server)\//.test(name))
      .map((name) => join(root, dir, name)),
  );
  assert.ok(files.length > 40);
  for (const file of files) {
    const code = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    assert.not.match(code, /\bPromise\b|\basync\b|\bawait\b|\.then\(|\bimport\(/, file);
  }
});

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
