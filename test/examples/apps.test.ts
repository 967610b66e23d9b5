/** Both example applications, as published, through whole updates on the simulated board. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Platform } from "../../hosts/esp32/platform.js";
import { describeForServer } from "../../hosts/node/describe.js";
import { makeRelease, nodeNatives, throwAwaySigner } from "../../hosts/node/simulator.js";
import type { BoardOptions, BootedDevice } from "../../hosts/simulator/board.js";
import { ModdableHabits } from "../../hosts/simulator/moddable-habits.js";
import { habitClient } from "../../hosts/simulator/moddable-http.js";
import { wireBytes } from "../../hosts/simulator/moddable-wire.js";
import { type SimulatedRelease, Simulation } from "../../hosts/simulator/simulation.js";
import type { StoredReport } from "../../src/server/report.js";
import { ExampleApp, type Exports } from "../helpers/example-app.js";
import { imageOf } from "../helpers/images.js";

const test = suite<{ minimal: ExampleApp; nodeLike: ExampleApp }>("examples/apps");

test.before((context) => {
  context.minimal = new ExampleApp("minimal");
  context.nodeLike = new ExampleApp("node-like");
});
test.after((context) => {
  context.minimal?.remove();
  context.nodeLike?.remove();
});

const signer = throwAwaySigner("examples");
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), as in the middle line of its PEM. */
const trustAnchor = Buffer.concat([
  Buffer.from("302a300506032b6570032100", "hex"),
  signer.publicKey,
]).toString("base64");

interface Choice {
  readonly app: ExampleApp;
  readonly deviceClass: string;
  /** What the hardware around the chip does in a boot of that slot; default: it works. */
  readonly ledWorks?: (slotLabel: string) => boolean;
  readonly wifiWorks?: (slotLabel: string) => boolean;
  /** An exception in a callback of some driver, while the application runs. */
  readonly driverThrows?: (slotLabel: string) => boolean;
}

/** Module "time", whose counter of 32 bits wraps four seconds after the start. */
class Ticks {
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  get ticks(): number {
    return (0x7ffff000 + this.#platform.ticks()) | 0;
  }
}

class Desk {
  readonly simulation: Simulation;
  /** What the application did to its hardware, and said, in order; one list per boot. */
  readonly boots: string[][] = [];
  readonly #choice: Choice;
  #habits: ModdableHabits | null = null;
  #wifiUp = false;

  constructor(choice: Choice) {
    this.#choice = choice;
    this.simulation = new Simulation({
      natives: nodeNatives,
      describe: describeForServer,
      trustAnchor: signer.publicKey,
      vendor: "example.com",
      deviceClass: choice.deviceClass,
      chipId: 0,
      installed: this.release(1),
      seed: 1,
      clientClass: (...boot) => this.#network(...boot),
      application: (device) => this.#boot(device),
    });
  }

  release(sequenceNumber: number): SimulatedRelease {
    return makeRelease({
      image: imageOf("ok", sequenceNumber),
      signer,
      sequenceNumber,
      versionText: `${sequenceNumber}`,
      vendor: "example.com",
      deviceClass: this.#choice.deviceClass,
    });
  }

  /** Publishes release 2 and runs until its result is told, at most four hours. */
  update(): StoredReport | null {
    this.simulation.publish(this.release(2));
    const isOver = (): boolean => this.simulation.reports().some((one) => one.result !== "refused");
    this.simulation.run(isOver, 4 * 3_600_000);
    this.simulation.run(() => false, 60_000);
    return this.simulation.reports().at(-1) ?? null;
  }

  get lines(): string[] {
    return this.simulation.timeline.map((line) => line.text);
  }

  get habits(): ModdableHabits {
    if (this.#habits === null) throw new Error("no network yet");
    return this.#habits;
  }

  #note(text: string): void {
    this.boots.at(-1)?.push(text);
  }

  #network(...[run]: Parameters<BoardOptions["clientClass"]>) {
    const habits = new ModdableHabits({
      world: this.simulation.world,
      run,
      server: (request) => {
        const exchange = this.simulation.network.exchange(request, "update server");
        if (exchange === null) throw new Error("the network is up");
        return { bytes: wireBytes(exchange.delivery.response), closes: false };
      },
    });
    this.#habits = habits;
    // The application brings its own client; the board's is not used.
    return class NoClient {
      constructor() {
        throw new Error("not this way");
      }
    } as never;
  }

  #boot(device: BootedDevice): void {
    this.boots.push([]);
    this.#wifiUp = false;
    const { app, driverThrows = () => false } = this.#choice;
    if (driverThrows(device.slotLabel)) {
      this.habits.later(3000, () => {
        throw new Error("i2c: no answer");
      });
    }
    app.run(this.#sdk(device), {
      trace: (text) => {
        this.#note(text.trimEnd());
        device.platform.trace(text.trimEnd());
      },
      globalThis: {
        set abort(hook: Parameters<typeof device.platform.onAbort>[0]) {
          device.platform.onAbort(hook);
        },
      },
    });
  }

  /** The modules of the SDK that a boot imports, over the board's classes. */
  #sdk(device: BootedDevice): Map<string, Exports> {
    const { habits } = this;
    const { platform, slotLabel } = device;
    const note = (text: string): void => this.#note(text);
    const { ledWorks = () => true, wifiWorks = () => true } = this.#choice;
    const isUp = (): boolean => this.#wifiUp;
    class Digital {
      static readonly Output = 8;
      constructor(options: { pin: number; mode: number }) {
        note(`led on pin ${options.pin}, mode ${options.mode}`);
      }
      write(value: number): void {
        if (!ledWorks(slotLabel)) throw new Error("the pin is shorted");
        note(`led ${value}`);
      }
    }
    const joined = (): void => {
      this.#wifiUp = wifiWorks(slotLabel);
    };
    class WiFi {
      readonly #onChanged: (property: string) => void;
      constructor(options: { onChanged(property: string): void }) {
        this.#onChanged = options.onChanged;
      }
      get connection(): number {
        return isUp() ? 500 : 200;
      }
      connect(options: { SSID: string; password?: string }): void {
        note(`wifi ${options.SSID} ${options.password}`);
        habits.later(900, () => {
          joined();
          this.#onChanged("connection");
        });
      }
    }
    const { timer, net } = habits;
    const repeat = (callback: () => void, intervalMs: number): void => {
      timer.set(() => {
        repeat(callback, intervalMs);
        callback();
      }, intervalMs);
    };
    const resolve: typeof net.resolve = (name, callback) => {
      if (isUp()) net.resolve(name, callback);
      else habits.later(500, () => callback(name));
    };
    const config = { ...this.#choice.app.config, ssid: "home", password: "secret", trustAnchor };
    return new Map<string, Exports>([
      ["embedded:io/digital", { default: Digital }],
      ["embedded:io/socket/tcp", { default: habits.socketClass() }],
      ["embedded:network/http/client", { default: habitClient(habits) }],
      ["embedded:network/interface/wifi", { default: WiFi }],
      ["embedded:storage/flash", { default: platform.flash }],
      ["embedded:storage/key-value", { default: platform.keyValue }],
      ["crypt", { Digest: platform.digest }],
      ["mc/config", { default: config }],
      [
        "mc/ffi",
        {
          default: function FFI() {
            return platform.natives;
          },
        },
      ],
      ["net", { default: { resolve } }],
      ["time", { default: new Ticks(platform) }],
      ["timer", { default: { set: timer.set, clear: timer.clear, repeat } }],
    ]);
  }
}

test("minimal: the boot check comes first, the LED is the self-test, the update is kept", ({
  minimal,
}) => {
  const desk = new Desk({ app: minimal, deviceClass: "lamp-v2" });
  const report = desk.update();
  assert.is(report?.result, "updated");
  assert.is(report?.reason, "confirmed");
  assert.is(report?.engineVersion, "17.7");
  assert.ok(desk.simulation.runs(desk.release(2).image));
  assert.equal(desk.simulation.violations(), []);
  assert.is(desk.boots.length, 2);
  for (const boot of desk.boots) {
    assert.match(boot[0], /^daruma: boot: XS 17\.7, /);
    assert.match(boot[1], /^daruma: boot: slot \d runs /);
    assert.equal(boot.slice(2, 4), ["led on pin 2, mode 8", "wifi home secret"]);
  }
  assert.not(desk.boots[0].includes("led 1"), "no self-test of a settled image");
  assert.ok(desk.boots[1].includes("led 1"));
  assert.not(desk.lines.some((line) => line.includes("XS abort") || line.includes("fault")));
});

test("minimal: a LED that does not light is the end of a new image", ({ minimal }) => {
  const desk = new Desk({
    app: minimal,
    deviceClass: "lamp-v2",
    ledWorks: (slotLabel) => slotLabel === "ota_0",
  });
  const report = desk.update();
  assert.is(report?.reason, "self-test-failed");
  assert.ok(desk.simulation.runs(desk.release(1).image));
  assert.equal(desk.simulation.violations(), []);
});

test("minimal: a new image that gets no Wi-Fi is taken back", ({ minimal }) => {
  const desk = new Desk({
    app: minimal,
    deviceClass: "lamp-v2",
    wifiWorks: (slotLabel) => slotLabel === "ota_0",
  });
  const report = desk.update();
  assert.is(report?.reason, "server-unreachable");
  assert.ok(desk.simulation.runs(desk.release(1).image));
  assert.equal(desk.simulation.violations(), []);
});

test("node-like: progress is shown, messages are the self-test, the update is kept", ({
  nodeLike,
}) => {
  const desk = new Desk({ app: nodeLike, deviceClass: "node-v1" });
  const report = desk.update();
  assert.is(report?.result, "updated");
  assert.ok(desk.simulation.runs(desk.release(2).image));
  assert.equal(desk.simulation.violations(), []);
  const [before, after] = desk.boots;
  const size = desk.release(2).image.length;
  assert.ok(before.includes(`daruma: download: ${size} of ${size} bytes`), before.join("\n"));
  assert.ok(after.includes("daruma: this image is on trial"));
  assert.ok(after.includes("daruma: updated"), after.join("\n"));
});

test("node-like: what a driver throws in a callback is told to the old image and the server", ({
  nodeLike,
}) => {
  const desk = new Desk({
    app: nodeLike,
    deviceClass: "node-v1",
    driverThrows: (slotLabel) => slotLabel === "ota_1",
  });
  const report = desk.update();
  assert.is(report?.reason, "crashed");
  assert.is(report?.abort, "unhandled exception: i2c: no answer");
  assert.ok(desk.simulation.runs(desk.release(1).image));
  assert.ok(desk.boots[2].includes("daruma: last time: unhandled exception: i2c: no answer"));
  assert.equal(desk.simulation.violations(), []);
});

test.run();
