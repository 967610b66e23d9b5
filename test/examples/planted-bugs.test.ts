/**
 * Ten bugs as they happen in firmwares: the first line of the verdict names each. And firmwares
 * that do as much with storage, flash and promises, without a bug: none is blamed.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest } from "../../hosts/node/digest.js";
import {
  createHal,
  everyPowerCut,
  type PowerCutDevice,
  type PowerCutFirmware,
  type PowerCutTest,
} from "../../hosts/node/simulator.js";
import { Agent } from "../../src/agent/agent.js";
import { buildImage } from "../../src/author/esp-image.js";

const image = (version: string, fillSeed: number) =>
  buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 8192, fillSeed }, nodeDigest);
const images = { oldImage: image("1.0", 1), newImage: image("1.1", 2) };

/** A key-value domain of texts, as applications write one around the SDK's. */
class Store {
  readonly #domain;

  constructor(device: PowerCutDevice, path = "lamp") {
    this.#domain = device.platform.keyValue.open({ path, format: "buffer" });
  }

  get(key: string): string | undefined {
    const value = this.#domain.read(key);
    return value === undefined ? undefined : Buffer.from(value).toString();
  }

  set(key: string, value: string): void {
    this.#domain.write(key, new Uint8Array(Buffer.from(value)));
  }

  delete(key: string): void {
    this.#domain.delete(key);
  }
}

const startAgent: PowerCutFirmware = (device, options) => {
  new Agent(createHal(device.platform), options).start();
};

/** The firmware in the field: it keeps a setting as plain text. */
const firstVersion: PowerCutFirmware = (device, options) => {
  startAgent(device, options);
  const store = new Store(device);
  if (store.get("mode") === undefined) store.set("mode", "warm");
};

async function firstLine(more: Partial<PowerCutTest>): Promise<string> {
  const verdict = await everyPowerCut({ ...images, loopTimeoutMs: 1500, ...more });
  assert.not.ok(verdict.ok, "the bug was not noticed");
  const line = verdict.text.split("\n")[0];
  assert.is(line, `${verdict.violations[0].promise}: ${verdict.violations[0].text}`);
  return line;
}

test("bug 1: a setting is used though a cut left it half written", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device);
      if (store.get("begun") === undefined) {
        store.set("begun", "1");
        store.set("scene", JSON.stringify({ mode: "warm" }));
      }
      JSON.parse(store.get("scene") ?? "null").mode.toString();
    },
  });
  assert.match(line, "P6: cut after the write of lamp/begun: TypeError: Cannot read properties");
  assert.match(line, "in the new firmware");
});

test("bug 2: a self-test takes a half migrated setting for a fault", async () => {
  const line = await firstLine({
    oldFirmware: firstVersion,
    firmware: (device, options) => {
      const store = new Store(device);
      if (store.get("version") === undefined) {
        store.set("version", "2");
        store.set("mode", JSON.stringify({ mode: store.get("mode") }));
      }
      startAgent(device, options);
    },
    selfTests: (device) => [
      function settingsAreNew(done) {
        done(new Store(device).get("mode")?.startsWith("{") === true);
      },
    ],
  });
  const cut = "cut after the write of lamp/version";
  assert.match(line, `${cut}: self-test 1 (settingsAreNew) called done(false)`);
});

test("bug 3: the old configuration is deleted before the new one is written", async () => {
  const line = await firstLine({
    oldFirmware: (device, options) => {
      const store = new Store(device);
      const isNew = store.get("serial") === undefined;
      if (isNew) store.set("serial", "0001");
      if (isNew) store.set("mode", "warm");
      startAgent(device, options);
    },
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device);
      const mode = store.get("mode");
      if (mode !== undefined) {
        store.delete("mode");
        store.set("scene", mode);
      }
      if (store.get("scene") === undefined) throw new Error("no configuration: flash by cable");
    },
  });
  assert.match(line, "cut after the delete of lamp/mode: Error: no configuration: flash by cable");
});

test("bug 4: a self-test forgets done() on one of its ways", async () => {
  const line = await firstLine({
    selfTests: (device) => [
      (done) => done(true),
      function sensorAnswers(done) {
        device.timer.set(() => {
          if (device.slotLabel === "ota_0") done(true);
        }, 100);
      },
    ],
  });
  assert.match(line, "fails without any cut: self-test 2 (sensorAnswers) never called done");
});

test("bug 5: a self-test says done(true) too early, then done(false)", async () => {
  const line = await firstLine({
    selfTests: (device) => [
      function radioAnswers(done) {
        device.timer.set(() => done(false), 50);
        done(true);
      },
    ],
  });
  assert.match(line, "P3: fails without any cut: self-test 1 (radioAnswers) called done(true)");
  assert.match(line, "and then done(false)");
});

test("bug 6: a timer throws", async () => {
  const verdict = await everyPowerCut({
    ...images,
    firmware: (device, options) => {
      startAgent(device, options);
      device.timer.set(function blink() {
        throw new RangeError("pin 99 does not exist");
      }, 300);
    },
  });
  const [violation] = verdict.violations;
  assert.match(violation.text, "fails without any cut: RangeError: pin 99 does not exist");
  assert.match(violation.cause?.stack[0] ?? "", /blink .*planted-bugs\.test\.js:\d+/);
  assert.is(verdict.violations.length, 1, "one cause, one violation");
  assert.ok(violation.histories > 100);
});

test("bug 7: a promise is rejected and nobody listens", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      startAgent(device, options);
      const connect = async () => {
        await device.delay(2000);
        throw new Error("broker refused");
      };
      connect();
    },
  });
  const text = "fails without any cut: unhandled rejection: Error: broker refused";
  assert.match(line, `${text}, in the new firmware`);
});

test("bug 8: the second boot never ends its loop", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      const store = new Store(device, "boots");
      const isSecond = store.get("seen") !== undefined;
      store.set("seen", "1");
      while (isSecond && store.get("ready") === undefined);
      startAgent(device, options);
      store.set("ready", "1");
    },
  });
  assert.match(line, "cut after the write of boots/seen: endless loop in the new firmware");
  assert.match(line, "after it read boots/ready");
});

test("bug 9: its own partition is erased first and then read as if it were whole", async () => {
  const line = await firstLine({
    partitions: [{ label: "scenes", sizeBytes: 8192 }],
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device);
      const scenes = device.platform.flash.open({ path: "scenes", mode: "r+" });
      if (store.get("scenes") === undefined) {
        scenes.eraseBlock(0);
        store.set("scenes", "1");
        scenes.write(new Uint8Array(Buffer.from('{"all":"off"}   ')), 0);
      }
      const bytes = new Uint8Array(16);
      scenes.read(bytes, 0);
      JSON.parse(Buffer.from(bytes).toString());
    },
  });
  assert.match(line, "cut after the write of lamp/scenes: SyntaxError");
});

test("bug 10: the application overwrites the agent's journal", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      startAgent(device, options);
      device.timer.set(() => new Store(device, "daruma").set("attempt", "mine"), 3000);
    },
  });
  assert.match(line, "fails without any cut: the new application wrote daruma/attempt");
});

test("bug 11: the agent is never started", async () => {
  const line = await firstLine({ firmware: () => undefined });
  assert.match(line, "fails without any cut: the new firmware makes no HAL, so no agent");
  const idle = await firstLine({
    firmware: (device, options) => {
      new Agent(createHal(device.platform), options);
    },
  });
  assert.match(idle, "fails without any cut: the new firmware never starts its agent");
});

test("bug 12: the application writes into the other slot", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      startAgent(device, options);
      device.timer.set(() => {
        device.platform.flash.open({ path: "nextota", mode: "r+" }).eraseBlock(0);
      }, 1000);
    },
  });
  assert.match(line, "the new application erased the slot that updates are written to");
});

test("bug 13: the old firmware, back again, cannot read what the new one left", async () => {
  const line = await firstLine({
    expected: "fail-test",
    oldFirmware: (device, options) => {
      firstVersion(device, options);
      const mode = new Store(device).get("mode");
      if (mode !== "warm" && mode !== "cold") throw new Error(`unknown mode ${mode}`);
    },
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device);
      store.set("mode", JSON.stringify({ mode: store.get("mode") }));
    },
    selfTests: () => [(done) => done(false)],
  });
  assert.match(line, 'fails without any cut: Error: unknown mode {"mode":"warm"}');
  assert.match(line, "in the old firmware; the device restarts again and again");
});

test("bug 14: the desk's own timer is used on the board", async () => {
  const line = await firstLine({
    firmware: (device, options) => {
      startAgent(device, options);
      setTimeout(() => undefined, 10);
    },
  });
  assert.match(line, "fails without any cut: Error: setTimeout is the desk's clock");
});

async function isFine(more: Partial<PowerCutTest>): Promise<void> {
  const verdict = await everyPowerCut({ ...images, ...more });
  assert.ok(verdict.ok, verdict.text);
  assert.ok(verdict.interrupted > 200);
  assert.match(verdict.text, /^every promise held in \d+ histories/);
}

test("without a bug 1: three keys of its own, written in the right order", async () => {
  await isFine({
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device);
      for (const key of ["mode", "colour", "scene"]) {
        if (store.get(key) === undefined) store.set(key, "default");
      }
    },
  });
});

test("without a bug 2: it stores a count in each boot and each minute", async () => {
  await isFine({
    oldFirmware: firstVersion,
    firmware: (device, options) => {
      startAgent(device, options);
      const store = new Store(device, "wear");
      const count = (): void => {
        store.set("hours", `${Number(store.get("hours") ?? 0) + 1}`);
        device.timer.set(count, 60_000);
      };
      count();
    },
  });
});

test("without a bug 3: a partition of its own, written again where it is not whole", async () => {
  await isFine({
    partitions: [{ label: "scenes", sizeBytes: 8192 }],
    firmware: (device, options) => {
      startAgent(device, options);
      const scenes = device.platform.flash.open({ path: "scenes", mode: "r+" });
      const head = new Uint8Array(16);
      scenes.read(head, 0);
      if (Buffer.from(head).toString() === "whole-----------") return;
      scenes.eraseBlock(0, 2);
      scenes.write(new Uint8Array(4096).fill(7), 4096);
      scenes.write(new Uint8Array(Buffer.from("whole-----------")), 0);
    },
  });
});

test("without a bug 4: self-tests that are async functions and wait", async () => {
  await isFine({
    selfTests: (device) => [
      async function sensorAnswers(done) {
        await device.delay(700);
        done(device.now() >= 700);
      },
      (done) => {
        Promise.resolve(device.slotLabel).then((label) => done(label === "ota_1"));
      },
      (done) => device.timer.set(() => done(true), 1500),
    ],
  });
});

test("without a bug 5: an async firmware migrates, and the old one can read it", async () => {
  const both: PowerCutFirmware = async (device, options) => {
    startAgent(device, options);
    const store = new Store(device);
    await device.delay(200);
    const mode = store.get("mode") ?? "warm";
    assert.match(mode, /warm/);
    try {
      await Promise.reject(new Error("no broker yet"));
    } catch {
      store.set("mode", mode.startsWith("{") ? mode : JSON.stringify({ mode }));
    }
  };
  await isFine({ firmware: both, oldFirmware: both });
  const selfTests = () => [(done: (passed: boolean) => void) => done(false)];
  await isFine({ firmware: both, oldFirmware: both, expected: "fail-test", selfTests });
});

test.run();
