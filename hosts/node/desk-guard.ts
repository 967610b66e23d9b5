/**
 * Runs other people's code in this process and keeps the upper hand: their promise jobs run when
 * the simulated board wants them to, a rejection that nothing handles becomes a value, the desk's
 * own clock is out of reach, and a loop without end is broken off.
 */
import { setImmediate } from "node:timers";
import { Script } from "node:vm";
import { BootEnded } from "../simulator/board.js";
import { PowerCut } from "../simulator/power.js";

/** The code did not return in time. */
export class EndlessLoop extends Error {}

const slot = Symbol.for("daruma-ota guarded call");
const script = new Script(`globalThis[Symbol.for(${JSON.stringify(slot.description)})]()`);
/** Timers of the desk: they would fire when the simulated board is long gone. */
const deskTimers = ["setTimeout", "setInterval", "setImmediate"] as const;

type RejectionListener = NodeJS.UnhandledRejectionListener;

export class DeskGuard {
  readonly #timeoutMs: number;
  readonly #random: () => number;
  readonly #rejections: unknown[] = [];

  /**
   * Code may take `timeoutMs` of real time in one `run`, and has `random` as its Math.random.
   * Throws where promises cannot be run.
   */
  constructor(timeoutMs: number, random: () => number) {
    this.#timeoutMs = timeoutMs;
    this.#random = random;
    runTicks();
    if (!process.listeners("unhandledRejection").includes(lateRejection)) {
      process.on("unhandledRejection", lateRejection);
    }
  }

  /**
   * Calls `work`, after what else this process has to do: its timers, signals, promises. Rejects
   * with EndlessLoop when it takes too long: whatever it was at is left as it was.
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      // From a task of its own: within a promise job no other job runs.
      setImmediate(() => {
        try {
          resolve(this.#run(work));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #run<T>(work: () => T): T {
    const listeners = process.rawListeners("unhandledRejection") as RejectionListener[];
    const globals = globalThis as unknown as Record<string | symbol, unknown>;
    const timers = deskTimers.map((name) => globals[name]);
    const { random } = Math;
    Math.random = this.#random;
    const result: { value?: T } = {};
    process.removeAllListeners("unhandledRejection");
    const listen = (reason: unknown): void => {
      this.#rejections.push(reason);
    };
    process.on("unhandledRejection", listen);
    for (const name of deskTimers) globals[name] = refusal(name);
    globals[slot] = () => {
      result.value = work();
    };
    try {
      script.runInThisContext({ timeout: this.#timeoutMs });
      return result.value as T;
    } catch (error) {
      if (codeOf(error) !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new EndlessLoop(`no end within ${this.#timeoutMs} ms`);
    } finally {
      Math.random = random;
      delete globals[slot];
      deskTimers.forEach((name, index) => {
        globals[name] = timers[index];
      });
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener);
    }
  }

  /** Runs all promise jobs that wait, and gives each rejection that nothing has handled. */
  readonly runJobs = (rejected: (reason: unknown) => void): void => {
    runTicks();
    for (const reason of this.#rejections.splice(0)) rejected(reason);
  };
}

/**
 * A firmware that waits for the desk (a real socket, node:timers/promises) goes on when its boot is
 * long over, and the first call of the board throws: not a reason to end this process. All other
 * rejections end it, as they do without a listener.
 */
function lateRejection(reason: unknown): void {
  if (reason instanceof BootEnded || reason instanceof PowerCut) return;
  if (process.listenerCount("unhandledRejection") === 1) throw reason;
}

/**
 * Node's own step of ticks, promise jobs and rejections, by the name that it has had since Node
 * 0.x. There is no other way to run promise jobs from within a call.
 */
function runTicks(): void {
  const { _tickCallback: step } = process as { _tickCallback?: () => void };
  if (step === undefined) {
    throw new Error("promise jobs cannot be run here: use Node.js from 20.19, not another runtime");
  }
  step();
}

function refusal(name: string): () => never {
  return () => {
    throw new Error(
      `${name} is the desk's clock, which stands still on the simulated board: use device.timer`,
    );
  };
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : "";
}
