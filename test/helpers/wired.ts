/** A device on a network with the habits of the SDK's classes, with our guards or without. */
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  type SocketClass,
} from "../../hosts/esp32/guards.js";
import type {
  ClientRequest,
  ClientRequestOptions,
  HttpClientClass,
  HttpClientInstance,
} from "../../hosts/esp32/platform.js";
import { guardedTls, type TlsClass } from "../../hosts/esp32/tls.js";
import type { BoardOptions } from "../../hosts/simulator/board.js";
import { ModdableHabits, type WireAnswer } from "../../hosts/simulator/moddable-habits.js";
import { habitClient } from "../../hosts/simulator/moddable-http.js";
import { habitTls } from "../../hosts/simulator/moddable-tls.js";
import { wireBytes } from "../../hosts/simulator/moddable-wire.js";
import type { Simulation, SimulationOptions } from "../../hosts/simulator/simulation.js";
import type { ServerResponse } from "../../src/server/handler.js";
import { release, simulated } from "./simulated.js";

export interface Wiring {
  readonly guarded: boolean;
  /** Sockets speak TLS. */
  readonly tls?: boolean;
  /** So many connections at first, or all, meet a certificate that is not trusted. */
  readonly untrusted?: number;
  /** So many records, each the second of its connection, arrive damaged. */
  readonly damaged?: number;
  /** So many connections at first meet this in place of the server. */
  readonly meets?: readonly ("refusal" | "silence")[];
  /** So many connections at first are made before the clock is set. */
  readonly clockless?: number;
  readonly lookUpsMax?: number;
  /** Changes what the server sends, while it returns something. */
  readonly mangle?: (path: string, response: ServerResponse) => WireAnswer | null;
  readonly agent?: SimulationOptions["agent"];
}

export interface Wired {
  readonly simulation: Simulation;
  /** Of the newest boot. */
  readonly habits: () => ModdableHabits;
  readonly client: () => HttpClientClass;
}

/** A device whose network is made of the habits, and the habits of its newest boot. */
export function wired(wiring: Wiring): Wired {
  let newest: ModdableHabits | null = null;
  let newestClient: HttpClientClass | null = null;
  let untrusted = wiring.untrusted ?? 0;
  let damaged = wiring.damaged ?? 0;
  let clockless = wiring.clockless ?? 0;
  const meets = wiring.meets?.slice() ?? [];
  const clientClass: BoardOptions["clientClass"] = (run) => {
    const habits = new ModdableHabits({
      world: simulation.world,
      run,
      meets: () => meets.shift() ?? "open",
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
    const PlainTls = habitTls(
      habits,
      () => untrusted-- > 0,
      (record) => record === 1 && damaged-- > 0,
      () => clockless-- <= 0,
    ) as unknown as TlsClass;
    const Tls = wiring.guarded ? guardedTls(PlainTls) : PlainTls;
    const socket =
      wiring.tls === true ? { io: Tls, TCP: { io: Socket }, timer: habits.timer } : { io: Socket };
    const Resolver = wiring.guarded
      ? guardedResolver(habits.net, habits.timer)
      : habits.plainResolver;
    newestClient = guardedClient(habitClient(habits), socket, Resolver);
    return newestClient;
  };
  const simulation = simulated({ clientClass, agent: wiring.agent ?? {} });
  const habits = (): ModdableHabits => {
    if (newest === null) throw new Error("no boot yet");
    return newest;
  };
  const client = (): HttpClientClass => {
    if (newestClient === null) throw new Error("no boot yet");
    return newestClient;
  };
  return { simulation, habits, client };
}

export const aborts = (simulation: Simulation): number =>
  simulation.timeline.filter((line) => line.text.includes("XS abort")).length;

/** True when the device, left alone, installs release 2. */
export function installs(simulation: Simulation): boolean {
  simulation.publish(release(2));
  const isTold = (): boolean => simulation.reports().some((one) => one.sequenceNumber === 2);
  simulation.run(isTold, 7_200_000);
  return simulation.reports().at(-1)?.result === "updated" && simulation.runs(release(2).image);
}

/** The given answer the first `times` times that `path` is asked for; then the server's own. */
export function atFirst(
  path: string,
  times: number,
  answer: (response: ServerResponse) => WireAnswer,
): NonNullable<Wiring["mangle"]> {
  let left = times;
  return (asked, response) => (asked.includes(path) && left-- > 0 ? answer(response) : null);
}

export function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** A request of an application's own, over sockets and resolver without guards. */
export function ask(
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
