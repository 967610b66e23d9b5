/** Each way in which the SDK's network classes abort XS or hang, without our guard and with it. */
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
import type { BoardOptions } from "../../hosts/simulator/board.js";
import { ModdableHabits, type WireAnswer } from "../../hosts/simulator/moddable-habits.js";
import { habitClient } from "../../hosts/simulator/moddable-http.js";
import { wireBytes } from "../../hosts/simulator/moddable-wire.js";
import type { Simulation, SimulationOptions } from "../../hosts/simulator/simulation.js";
import { Agent } from "../../src/agent/agent.js";
import { asciiBytes } from "../../src/bytes.js";
import type { ServerResponse } from "../../src/server/handler.js";
import { release, simulated } from "../helpers/simulated.js";

const test = suite("esp32/guards");

interface Wiring {
  readonly guarded: boolean;
  readonly tls?: boolean;
  readonly lookUpsMax?: number;
  /** Changes what the server sends, while it returns something. */
  readonly mangle?: (path: string, response: ServerResponse) => WireAnswer | null;
  readonly agent?: SimulationOptions["agent"];
}

/** A device whose network is made of the habits, and the habits of its newest boot. */
function wired(wiring: Wiring): { simulation: Simulation; habits: () => ModdableHabits } {
  let newest: ModdableHabits | null = null;
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
    const io =
      wiring.tls === true
        ? habits.untrustedTlsClass(Socket as unknown as ReturnType<typeof habits.socketClass>)
        : Socket;
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
  simulation.timeline.filter((line) => line.text.includes("uncaught exception")).length;

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
  const { simulation } = wired({ guarded: false, tls: true });
  simulation.run(() => aborts(simulation) > 0, 600_000);
  assert.is(aborts(simulation), 1);
});

test("a certificate that is not trusted makes the server unreachable with the guard", () => {
  const { simulation, habits } = wired({ guarded: true, tls: true });
  simulation.run(() => false, 600_000);
  assert.is(aborts(simulation), 0);
  assert.is(simulation.board.boots, 1);
  assert.is(simulation.wire().length, 0);
  assert.is(habits().openSockets, 0);
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

test("an answer without a length is an error of this connection only", () => {
  const { simulation } = wired({
    guarded: true,
    mangle: atFirst(".bin", 2, (response) => ({
      bytes: wireBytes(response, false),
      closes: true,
    })),
  });
  assert.ok(installs(simulation));
  assert.is(aborts(simulation), 0);
});

test("a 304 that the client waits for without end is given up by the agent", () => {
  const { simulation } = wired({
    guarded: true,
    mangle: atFirst("latest", 2, () => ({
      bytes: asciiBytes("HTTP/1.1 304 Not Modified\r\n\r\n"),
      closes: false,
    })),
  });
  assert.ok(installs(simulation));
});

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

test("bytes that are not read are announced only once", () => {
  const { simulation, habits } = wired({ guarded: true });
  simulation.run(() => simulation.wire().length > 0, 60_000);
  const Socket = habits().socketClass();
  const announced: number[] = [];
  const socket = new Socket({ onReadable: (count) => announced.push(count) });
  socket.write(asciiBytes("GET /example.com/lamp-v2/latest.suit HTTP/1.1\r\n\r\n"));
  simulation.run(() => false, 60_000);
  assert.is(announced.length, 1);
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
    const abort = board.timeline.find((line) => line.text.includes("uncaught"));
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
