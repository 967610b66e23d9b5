/** `everyPowerCut`: whom it blames and in which words, and that it stays master of the process. */
import desk from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodeDigest } from "../../hosts/node/digest.js";
import {
  createHal,
  everyPowerCut,
  type PowerCutDevice,
  type PowerCutFirmware,
  type PowerCutTest,
  type PowerCutVerdict,
  replayPowerCut,
} from "../../hosts/node/simulator.js";
import { layoutFor } from "../../hosts/simulator/layout.js";
import { Agent } from "../../src/agent/agent.js";
import { buildImage } from "../../src/author/esp-image.js";

const test = suite("node/power-cuts");

const image = (version: string, fillSeed: number) =>
  buildImage({ chipId: 0, version, projectName: "lamp", sizeBytes: 8192, fillSeed }, nodeDigest);
const images = { oldImage: image("1.0", 1), newImage: image("1.1", 2) };

const startAgent: PowerCutFirmware = (device, options) => {
  new Agent(createHal(device.platform), options).start();
};

function open(device: PowerCutDevice, path: string) {
  return device.platform.keyValue.open({ path, format: "buffer" });
}

const run = (more: Partial<PowerCutTest>): Promise<PowerCutVerdict> =>
  everyPowerCut({ ...images, ...more });

test("images for any chip are tested on a board with that chip", async () => {
  for (const chipId of [2, 5, 9, 13]) {
    const of = (version: string, fillSeed: number) =>
      buildImage({ chipId, version, projectName: "lamp", sizeBytes: 8192, fillSeed }, nodeDigest);
    const { ok, text } = await run({ oldImage: of("1.0", 1), newImage: of("1.1", 2) });
    assert.ok(ok, `${chipId}: ${text}`);
  }
});

test("keys of its own domains and all partitions of the table are the application's", async () => {
  const { partitions } = layoutFor(100_000);
  const labels = partitions.filter((one) => one.type === 1 && one.offset > 0x10000);
  assert.ok(labels.length >= 2);
  const verdict = await run({
    partitions: [{ label: "mine", sizeBytes: 4096 }],
    firmware: (device, options) => {
      startAgent(device, options);
      for (const path of ["a", "b", "c"]) {
        const domain = open(device, path);
        domain.write("1", new Uint8Array([device.now() & 255]));
        domain.write("2", new Uint8Array(500));
        domain.delete("1");
      }
      for (const label of [...labels.map((one) => one.label), "mine", "xs"]) {
        const partition = device.platform.flash.open({ path: label, mode: "r+" });
        partition.eraseBlock(0);
        partition.write(new Uint8Array(16), 0);
      }
    },
  });
  assert.ok(verdict.ok, verdict.text);
  assert.ok(verdict.interrupted > 400);
});

test("a partition that no table may have is refused by its name", async () => {
  const bad = [
    { label: "ota_0", sizeBytes: 4096 },
    { label: "mine", sizeBytes: 100 },
    { label: "a label with spaces", sizeBytes: 4096 },
  ];
  for (const partition of bad) {
    const error = await run({ partitions: [partition] }).catch((reason: unknown) => reason);
    assert.instance(error, RangeError);
    assert.match(String(error), `${partition.label}`);
  }
});

test("one cause of many cuts is one violation, with a count and its simplest history", async () => {
  const verdict = await run({
    firmware: (device, options) => {
      const domain = open(device, "lamp");
      const begun = domain.read("begun");
      if (begun === undefined) {
        domain.write("begun", new Uint8Array(1));
        for (const key of ["1", "2", "3", "4"]) domain.write(key, new Uint8Array(1));
      } else if (domain.read("4") === undefined) {
        throw new Error(`half migrated, ${domain.read("2") === undefined ? "less" : "more"}`);
      }
      startAgent(device, options);
    },
  });
  assert.is(verdict.violations.length, 1, verdict.text);
  const [violation] = verdict.violations;
  assert.match(violation.text, /^cut after the write of lamp\/begun: Error: half migrated, less/);
  // After begun, before and after each of 1, 2, 3, and before 4.
  assert.is(violation.histories, 8);
  assert.match(violation.line, /^healthy known 1 \d+\/after$/);
  assert.match(violation.cause?.stack[0] ?? "", /at .*test\/node\/power-cuts\.test\.js:\d+:\d+/);
});

test("the weightier violation comes first, and one that needs no cut before all", async () => {
  const selfTests = (device: PowerCutDevice) => [
    function twice(done: (passed: boolean) => void) {
      const domain = open(device, "lamp");
      const isHalf = domain.read("1") !== undefined && domain.read("2") === undefined;
      domain.write("1", new Uint8Array(1));
      domain.write("2", new Uint8Array(1));
      if (isHalf) device.timer.set(() => done(false), 50);
      done(true);
    },
    function late(done: (passed: boolean) => void) {
      const domain = open(device, "lamp");
      if (domain.read("3") !== undefined) return;
      domain.write("3", new Uint8Array(1));
      done(true);
    },
  ];
  const verdict = await run({ selfTests });
  const [first, second] = verdict.violations;
  assert.is(first.promise, "P3");
  assert.match(first.text, "cut after the write of lamp/1: self-test 1 (twice) called done(true)");
  assert.match(second.text, "self-test 2 (late) never called done");
  assert.match(verdict.text, `P3: ${first.text}\nalso P6: ${second.text}\n`);
});

test("the story has all boots, the cut, the mistake and its stack, what was expected", async () => {
  const { violations, text } = await run({
    firmware: (device, options) => {
      startAgent(device, options);
      const domain = open(device, "lamp");
      if (domain.read("1") !== undefined && domain.read("2") === undefined) {
        throw new RangeError("no scene");
      }
      domain.write("1", new Uint8Array(1));
      domain.write("2", new Uint8Array(1));
    },
  });
  const [{ story }] = violations;
  const wanted = [
    /^P6 \(2 histories\): cut after the write of lamp\/1: RangeError: no scene/,
    /\n {4}at firmware .*power-cuts\.test\.js/,
    /BOOT 1: ota_0, as before/,
    /server: app-14\.bin is fetched/,
    /BOOT 2: ota_1, on trial/,
    /the new firmware starts/,
    /the application writes lamp\/1/,
    /CUT {2}after the write of lamp\/1/,
    /BOOT 3: ota_0, the bootloader went back to it/,
    /! RangeError: no scene, in the new firmware/,
    /server: hears failed \(crashed\)/,
    /at rest/,
    /expected: the new image is confirmed and kept/,
    /broken: {3}P6, the device comes to rest/,
    /replay: {3}replayPowerCut\(test, "healthy known 1 \d+\/after"\)$/,
  ];
  let from = 0;
  for (const part of wanted) {
    const found = part.exec(story.slice(from));
    assert.ok(found !== null, `${part} in\n${story.slice(from)}`);
    from += found?.index ?? 0;
  }
  assert.ok(text.includes(story));
});

test("an async self-test that rejects is an abort, and named", async () => {
  const { violations } = await run({
    selfTests: (device) => [
      async function brokerAnswers() {
        await device.delay(100);
        throw new Error("refused");
      },
    ],
  });
  assert.is(violations.length, 1);
  const text = "fails without any cut: self-test 1 (brokerAnswers) rejected with Error: refused";
  assert.match(violations[0].text, text);
  assert.match(violations[0].text, "crashed");
  assert.is(violations[0].cause?.kind, "rejection");
});

test("self-tests of a whole firmware are named by number, as its agent logs them", async () => {
  const withTests = (selfTest: (done: (passed: boolean) => void) => void) =>
    run({
      firmware: (device, options) => {
        const selfTests = [(done: (passed: boolean) => void) => done(true), selfTest];
        new Agent(createHal(device.platform), { ...options, selfTests }).start();
      },
    });
  const failed = await withTests((done) => done(false));
  assert.match(failed.text, /^P6: fails without any cut: self-test 2 failed; /);
  const threw = await withTests(() => {
    throw new Error("no lamp");
  });
  assert.match(threw.text, /^P6: fails without any cut: self-test 2 threw Error: no lamp; /);
  const silent = await withTests(() => undefined);
  assert.match(silent.text, /^P6: fails without any cut: self-test 2 never answered; /);
});

test("loops without end, also in a promise job, end as a verdict with a line", async () => {
  const loops: readonly PowerCutFirmware[] = [
    () => {
      while (true);
    },
    async (device) => {
      await device.delay(10);
      while (true);
    },
    async () => {
      while (true) await null;
    },
  ];
  for (const firmware of loops) {
    const { ok, violations } = await run({ firmware, loopTimeoutMs: 300 });
    assert.not(ok);
    assert.match(violations[0].text, /^fails without any cut: endless loop in the new firmware/);
    assert.is(violations[0].line, "healthy known 1");
    const again = await replayPowerCut(
      { ...images, firmware, loopTimeoutMs: 300 },
      "healthy known 1",
    );
    assert.match(again.violations[0].text, "endless loop in the new firmware");
  }
});

test("a loop that waits for the clock is told that it stands still", async () => {
  const { violations } = await run({
    loopTimeoutMs: 300,
    firmware: (device) => {
      while (device.now() < 5000);
    },
  });
  assert.match(violations[0].text, "after it read the clock, which stands still");
});

test("timers that fire for ever without time passing are told", async () => {
  const { violations } = await run({
    firmware: (device, options) => {
      startAgent(device, options);
      const again = (): void => {
        device.timer.set(again, 0);
      };
      again();
    },
  });
  assert.match(violations[0].text, /^fails without any cut: the timers of the new firmware fire/);
});

test("a firmware that uses chance is swept and replayed all the same", async () => {
  const { random } = Math;
  const firmware: PowerCutFirmware = (device, options) => {
    const domain = open(device, "dice");
    const isTorn = domain.read("begun") !== undefined && domain.read("done") === undefined;
    domain.write("begun", new Uint8Array([Math.random() * 256]));
    if (Math.random() < 0.5) domain.write("luck", new Uint8Array(1));
    domain.write("done", new Uint8Array([Math.random() * 256]));
    if (isTorn) throw new Error("torn");
    startAgent(device, options);
  };
  const verdict = await run({ firmware });
  assert.is(verdict.violations.length, 1, verdict.text);
  assert.match(verdict.text, /^P6: cut after the write of dice\/begun: Error: torn/);
  assert.equal(await run({ firmware }), verdict);
  assert.is(Math.random, random);
});

test("whatever end is expected, a firmware that comes to it is not blamed", async () => {
  const ends: Record<string, (device: PowerCutDevice) => void> = {
    crash: (device) => device.crash(),
    hang: (device) => device.hang(),
    "brown-out": (device) => device.brownOut(),
    "no-network": (device) => device.setLink(false),
  };
  for (const expected of ["crash", "hang", "brown-out", "no-network"] as const) {
    const verdict = await run({
      expected,
      firmware: (device, options) => {
        startAgent(device, options);
        if (expected === "no-network") device.setLink(false);
        else device.timer.set(() => ends[expected](device), 1500);
      },
    });
    assert.ok(verdict.ok, verdict.text);
  }
  const wrong = await run({ expected: "crash" });
  assert.match(wrong.text, /^P\d: fails without any cut: .*confirmed/);
});

test("an old firmware that fails before the update is told as such", async () => {
  const { violations, text } = await run({
    oldFirmware: (device, options) => {
      startAgent(device, options);
      device.timer.set(() => {
        throw new Error("no sensor");
      }, 5000);
    },
  });
  assert.match(text, /^P6: fails before the update begins: Error: no sensor, in the old firmware/);
  assert.match(violations[0].story, "! Error: no sensor, in the old firmware");
});

test("the process keeps its timers and its listeners, and hears nothing of the board", async () => {
  const heard: unknown[] = [];
  const listener = (reason: unknown): void => {
    heard.push(reason);
  };
  // The first run adds a listener for good: for boots that are over when the desk answers.
  await replayPowerCut(images, "healthy known 1");
  const before = process.listeners("unhandledRejection");
  process.on("unhandledRejection", listener);
  const timer = globalThis.setTimeout;
  try {
    const firmware: PowerCutFirmware = async (device, options) => {
      startAgent(device, options);
      await device.delay(10);
      throw new Error("lost");
    };
    const [one, other] = await Promise.all([run({ firmware }), run({})]);
    assert.match(one.text, "unhandled rejection: Error: lost");
    assert.ok(other.ok, other.text);
    assert.equal(process.listeners("unhandledRejection"), [...before, listener]);
    assert.is(globalThis.setTimeout, timer);
    assert.equal(heard, []);
  } finally {
    process.off("unhandledRejection", listener);
  }
});

test("a firmware that waits for the desk gets no answer, and ends no process", async () => {
  let late = 0;
  const { text } = await run({
    selfTests: (device) => [
      async function cloudAnswers(done) {
        await desk.setTimeout(1);
        late++;
        device.platform.natives.esp_random();
        done(true);
      },
    ],
  });
  assert.match(text, /^P6: fails without any cut: self-test 1 \(cloudAnswers\) never called done/);
  await desk.setTimeout(20);
  assert.ok(late > 0);
});

test("what an application throws because the supply is gone is not held against it", async () => {
  const verdict = await run({
    firmware: (device, options) => {
      startAgent(device, options);
      try {
        open(device, "lamp").write("count", new Uint8Array(1));
      } catch (error) {
        throw new Error("storage is broken", { cause: error });
      }
    },
  });
  assert.ok(verdict.ok, verdict.text);
});

test("a history of two cuts has both in words", async () => {
  const words: string[] = [];
  const firmware: PowerCutFirmware = (device, options) => {
    const domain = open(device, "boots");
    domain.write("seen", new Uint8Array(1));
    startAgent(device, options);
  };
  const line = "healthy known 1 4/before 9/after";
  const replay = await replayPowerCut({ ...images, firmware }, line, (_, text) => {
    const cut = /: (cut .*)/.exec(text)?.[1];
    if (cut !== undefined) words.push(cut);
  });
  assert.is(replay.interrupted, 2);
  assert.is(words.length, 2, words.join());
  assert.is.not(words[0], words[1]);
});

test.run();
