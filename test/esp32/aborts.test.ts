/** Exceptions where XS does not forgive them: it aborts without our guard, and goes on with it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Gate,
  guardedClient,
  guardedResolver,
  guardedSocket,
  type SocketClass,
  type SocketOptions,
} from "../../hosts/esp32/guards.js";
import { createHal } from "../../hosts/esp32/hal.js";
import { ClientHttp } from "../../hosts/esp32/http.js";
import type { AbortHook, Platform } from "../../hosts/esp32/platform.js";
import type { ModdableHabits } from "../../hosts/simulator/moddable-habits.js";
import { habitClient } from "../../hosts/simulator/moddable-http.js";
import { Agent } from "../../src/agent/agent.js";
import { asciiBytes } from "../../src/bytes.js";
import { release, simulated, update } from "../helpers/simulated.js";
import { aborts, ask, installs, wired } from "../helpers/wired.js";

const test = suite("esp32/aborts");

/** The hook that the host gives the platform, with `domain` as its key-value storage. */
function abortHookOf(domain: object): AbortHook {
  let hook: AbortHook = () => {};
  createHal({
    keyValue: { open: () => domain },
    onAbort: (given: AbortHook) => {
      hook = given;
    },
  } as unknown as Platform);
  return hook;
}

test("an abort within the hook of an abort is not recorded again, so that the machine ends", () => {
  let writes = 0;
  let hook: AbortHook = () => {};
  const domain = {
    read: () => undefined,
    write: () => {
      writes++;
      // As the SDK does when memory is full: an allocation in here aborts once more.
      if (writes < 50) hook("memory full", undefined);
    },
    delete: () => {},
  };
  hook = abortHookOf(domain);
  hook("memory full", undefined);
  assert.is(writes, 1);
});

test("of the calls that fxAbort makes again and again the first one counts", () => {
  const records: string[] = [];
  const domain = {
    read: () => undefined,
    write: (_key: string, value: Uint8Array) => records.push(Buffer.from(value).toString("latin1")),
    delete: () => {},
  };
  const hook = abortHookOf(domain);
  hook("unhandled exception", new Error("no lamp"));
  // By then the exception is gone (xsPlatform.c).
  for (let i = 0; i < 5; i++) hook("unhandled exception", undefined);
  assert.is(records.length, 1);
  assert.match(records[0], "no lamp");
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

test("where no timer can be set, the exception is dropped and nothing is called any more", () => {
  let calls = 0;
  let callback: ((value?: unknown) => void) | undefined;
  class Plain {
    constructor(options: SocketOptions) {
      callback = options.onReadable?.bind(this);
    }
    read(): number {
      return 0;
    }
    close(): void {}
  }
  const timer = {
    set: () => {
      throw new Error("add failed");
    },
    clear: () => {},
  };
  const Socket = guardedSocket(Plain, timer);
  new Socket({
    onReadable: () => {
      calls++;
      throw new Error("bad");
    },
    onError: () => calls++,
  });
  callback?.(5);
  callback?.(5);
  assert.is(calls, 1);
});

for (const guarded of [false, true]) {
  const outcome = guarded ? "is dropped with the guard" : "aborts XS without the guard";
  test(`an exception in the callback of a name look-up ${outcome}`, () => {
    const { simulation, habits } = wired({ guarded: true });
    simulation.run(() => false, 1000);
    const { net, timer, plainResolver } = habits();
    const gate = new Gate();
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
  // The update is over: no restart ends these requests.
  simulation.run(() => false, 60_000);
  const http = new ClientHttp(
    guardedClient(habitClient(habits()), { io: habits().socketClass() }, habits().plainResolver),
    "http",
  );
  const into = new Uint8Array(4096);
  const late: number[] = [];
  const start = (closes: boolean): void => {
    http.request(
      {
        hostname: "updates.example.com",
        port: 80,
        method: "GET",
        path: "/example.com/lamp-v2/latest.suit",
        headers: new Map(),
      },
      {
        headersReceived: (request) => {
          habits().timer.set(() => late.push(request.read(into)), 5000);
        },
        dataReadable: (request, count) => {
          request.read(into.subarray(0, count));
          if (closes) request.close();
        },
        ended: () => {},
      },
    );
  };
  start(false);
  start(true);
  simulation.run(() => false, 60_000);
  assert.equal(late, [0, 0]);
  assert.is(aborts(simulation), 0);
});

test("a client that takes no request is closed, and the error goes to who asked", () => {
  let closed = 0;
  const http = new ClientHttp(
    class {
      request(): never {
        throw new Error("out of sockets");
      }
      close(): void {
        closed++;
      }
    },
    "http",
  );
  const asks = { hostname: "h", port: 80, method: "GET", path: "/", headers: new Map() } as const;
  const receiver = { headersReceived: () => {}, dataReadable: () => {}, ended: () => {} };
  assert.throws(() => http.request(asks, receiver), "out of sockets");
  assert.is(closed, 1);
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

test.run();
