/**
 * Stands between a developer's firmware and the simulated board: hands on every call, and notes
 * what goes wrong in the firmware itself, with its self-test, message and stack.
 */
import type { SelfTest } from "../../src/agent/options.js";
import type { Hal } from "../../src/hal.js";
import { createHal as createEspHal } from "../esp32/hal.js";
import type { Platform, TimerModule } from "../esp32/platform.js";
import { BootEnded, type BootedDevice } from "../simulator/board.js";
import type { PromiseId } from "../simulator/checkers.js";
import { PowerCut } from "../simulator/power.js";
import { Prng } from "../simulator/prng.js";
import type { Incident, IncidentKind, Witness } from "../simulator/witness.js";
import { applicationPlatform } from "./application-platform.js";
import { stackLines, thrownText } from "./stack-lines.js";

/** What a firmware finds when it starts; all time on it is virtual. */
export interface PowerCutDevice extends BootedDevice {
  /** Timers of this boot, as module "timer" on a device; Node's own do not run on the board. */
  readonly timer: TimerModule;
  /** Milliseconds since this boot began. They stand still while JavaScript runs. */
  now(): number;
  /** Resolves after that much virtual time, if this boot still runs then. */
  delay(durationMs: number): Promise<void>;
}

/** The platform of the agent, by the one that the application of the same boot was given. */
const agentPlatforms = new WeakMap<Platform, Platform>();

/** The HAL for the agent of a firmware: `createHal(device.platform)`. */
export function createHal(platform: Platform): Hal {
  return createEspHal(agentPlatforms.get(platform) ?? platform);
}

/** An agent asks its server sooner; a trial on the bench ends later. */
const silentMs = 50_000;

/** Callbacks of timers in one boot: more than one each second for hours. */
const callbacksMax = 20_000;

interface RunningTest {
  readonly who: string;
  /** What it said first; undefined until it does. */
  said: boolean | undefined;
}

const acts = Object.freeze({ wrote: "writes", deleted: "deletes", erased: "erases" });

export class FirmwareWatch implements Witness {
  /** Called with each of them, when it happens. */
  onIncident: ((incident: Incident) => void) | null = null;
  /** Called when a firmware starts, and before each change that it makes of its own storage. */
  onStep: ((text: string) => void) | null = null;
  #incidents: Incident[] = [];
  #tests: RunningTest[] = [];
  #told: unknown[] = [];
  #role: Incident["image"] = "";
  /** What the firmware was last seen at, for loops that say nothing themselves. */
  #where = "";
  #hasHal = false;
  #hasAsked = false;
  #callbacks = 0;
  #chance = new Prng(1);
  /** What happens in a boot that is over, such as without supply, is not the firmware's fault. */
  #isOver: () => boolean = () => false;

  begin(): void {
    this.#incidents = [];
    this.#tests = [];
    this.#told = [];
    this.#role = "";
    this.#where = "";
    this.#hasHal = false;
    this.#hasAsked = false;
    this.#callbacks = 0;
    this.#chance = new Prng(1);
  }

  /** Math.random of the boot that runs: the same in each, so that every history can be replayed. */
  readonly random = (): number => this.#chance.next() / 2 ** 32;

  aborted(reason: string, error: unknown): void {
    if (reason === "unhandled exception") this.#thrown("exception", "", error);
    else if (reason === "unhandled rejection") this.#thrown("rejection", `${reason}: `, error);
    else this.#note("abort", `abort: ${reason}, in the ${this.#role} firmware`, new Error());
  }

  end(interrupted: boolean, elapsedMs: number): readonly Incident[] {
    if (!interrupted && this.#incidents.length === 0 && this.#role !== "") this.#silence(elapsedMs);
    return this.#incidents;
  }

  /** The loop that was broken off, in place of what a boot would have told. */
  endlessLoop(): Incident {
    const role = this.#role === "" ? "" : ` in the ${this.#role} firmware`;
    const text = `endless loop${role}${this.#where === "" ? "" : `, ${this.#where}`}`;
    return { kind: "endless-loop", image: this.#role, text, stack: [], breaks: "P6" };
  }

  /** The firmware of `role` starts on `device`: what it is to be given in its place. */
  start(role: "old" | "new", device: BootedDevice): PowerCutDevice {
    this.#role = role;
    this.#where = "as it started";
    this.onStep?.(`the ${role} firmware starts`);
    const { platform } = device;
    const application = applicationPlatform(platform, {
      called: () => {
        this.#callbacks++;
        this.#where = "in a callback of its timers";
      },
      did: (act, what) => {
        this.#where = `after it ${act} ${what}`;
        if (act !== "read") this.onStep?.(`the application ${acts[act]} ${what}`);
      },
      trespass: (what) => this.#trespass(what),
    });
    const probe = platform.keyValue.open({ path: "", format: "buffer" });
    this.#isOver = () => {
      try {
        probe.close();
        return false;
      } catch {
        return true;
      }
    };
    agentPlatforms.set(application, this.#agents(platform));
    const ending = <T>(kind: IncidentKind, how: string, act: () => T): T => {
      this.#note(kind, `${how} in the ${role} firmware`, new Error());
      return act();
    };
    return {
      platform: application,
      imageHex: device.imageHex,
      slotLabel: device.slotLabel,
      crash: () => ending("abort", "crash", () => device.crash()),
      abort: (reason) => device.abort(reason),
      hang: () => ending("abort", "hang", () => device.hang()),
      brownOut: () => ending("abort", "brown-out", () => device.brownOut()),
      setLink: (up) => device.setLink(up),
      busy: (durationMs) => device.busy(durationMs),
      timer: application.timer,
      now: () => application.ticks(),
      delay: (durationMs) =>
        new Promise((resolve) => {
          application.timer.set(resolve, durationMs);
        }),
    };
  }

  /** The same self-tests; what they answer is noted by their names. */
  watched(tests: readonly SelfTest[]): SelfTest[] {
    return tests.map((test, index) => {
      const who = `self-test ${index + 1}${test.name === "" ? "" : ` (${test.name})`}`;
      return (done) => {
        const running: RunningTest = { who, said: undefined };
        this.#tests.push(running);
        this.#where = `in ${who}`;
        try {
          const result: unknown = test((passed) => {
            this.#answered(running, passed);
            done(passed);
          });
          if (result instanceof Promise) this.#awaited(who, result);
        } catch (error) {
          this.#thrown("self-test", `${who} threw `, error);
          throw error;
        }
      };
    });
  }

  #answered(running: RunningTest, passed: boolean): void {
    const { who, said } = running;
    if (said === undefined) {
      running.said = passed;
      if (!passed) this.#note("self-test", `${who} called done(${passed})`, new Error());
    } else if (said !== passed) {
      const text = `${who} called done(${said}) and then done(${passed})`;
      this.#note("self-test", text, new Error(), "P3");
    }
  }

  /** A rejection stays one that nothing handles, as on XS: it is only known whose it is. */
  #awaited(who: string, result: Promise<unknown>): void {
    result.then(undefined, (error: unknown) => {
      this.#thrown("rejection", `${who} rejected with `, error);
      throw error;
    });
  }

  #thrown(kind: IncidentKind, before: string, error: unknown): void {
    if (error instanceof BootEnded || error instanceof PowerCut) return;
    if (this.#told.includes(error)) return;
    this.#told.push(error);
    this.#note(kind, `${before}${thrownText(error)}, in the ${this.#role} firmware`, error);
  }

  #note(kind: IncidentKind, text: string, error: unknown, breaks: PromiseId | null = null): void {
    if (this.#isOver() || this.#incidents.some((one) => one.text === text)) return;
    const incident = { kind, image: this.#role, text, stack: stackLines(error), breaks };
    this.#incidents.push(incident);
    this.onIncident?.(incident);
  }

  /** What was never done in a boot in which nothing else went wrong. */
  #silence(elapsedMs: number): void {
    this.#isOver = () => false;
    if (this.#callbacks > callbacksMax) {
      const text = `the timers of the ${this.#role} firmware fire for ever, as time stands still`;
      return this.#note("endless-loop", text, null);
    }
    const open = this.#tests.find((one) => one.said === undefined);
    if (open !== undefined) return this.#note("no-answer", `${open.who} never called done`, null);
    if (this.#hasAsked || elapsedMs < silentMs) return;
    const what = this.#hasHal ? "never starts its agent" : "makes no HAL, so no agent";
    this.#note("no-agent", `the ${this.#role} firmware ${what}`, null);
  }

  #agents(platform: Platform): Platform {
    const asked = (): void => {
      this.#hasAsked = true;
    };
    const { http: Client } = platform;
    class AgentClient extends Client {
      constructor(options: ConstructorParameters<typeof Client>[0]) {
        super(options);
        asked();
      }
    }
    return {
      ...platform,
      http: AgentClient,
      trace: (line) => {
        this.#logged(line);
        platform.trace(line);
      },
      keyValue: {
        open: (options) => {
          this.#hasHal = true;
          return platform.keyValue.open(options);
        },
      },
    };
  }

  /** Self-tests that a whole firmware adds are known by what its agent logs. */
  #logged(line: string): void {
    if (this.#tests.length > 0) return;
    const text = /self-test \d+ (?:failed|threw|never answered).*/.exec(line)?.[0];
    if (text === undefined || this.#incidents.length > 0) return;
    this.#note(text.endsWith("never answered") ? "no-answer" : "self-test", text, null);
  }

  #trespass(what: string): void {
    this.#note("trespass", `the ${this.#role} application ${what}`, new Error(), "P9");
  }
}
