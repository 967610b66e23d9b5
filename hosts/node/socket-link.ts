/**
 * A simulated board on a real socket. Virtual time jumps from event to event while nothing is on
 * the wire, and follows the real clock while something is, so that no timeout of the agent is cut
 * short.
 */
import type {
  ClientRequest,
  ClientRequestOptions,
  HttpClientClass,
  HttpClientInstance,
} from "../esp32/platform.js";
import type { BoardOptions } from "../simulator/board.js";
import type { Simulation } from "../simulator/simulation.js";
import { HttpClient } from "./http-client.js";

export class SocketLink {
  /** Requests that are on the wire. */
  #open = 0;
  /** Payload and offer bytes read so far. */
  receivedBytes = 0;

  /** For SimulationOptions.clientClass. */
  readonly clientClass: BoardOptions["clientClass"] = (run, hasLink, isAlive) => {
    const link = this;
    return class implements HttpClientInstance {
      readonly #client: HttpClient;
      #counts = false;

      constructor(options: ConstructorParameters<HttpClientClass>[0]) {
        this.#client = new HttpClient({
          host: options.host,
          port: options.port,
          onError: (error) => this.#call(() => options.onError?.(error)),
        });
      }

      request(options: ClientRequestOptions): ClientRequest {
        if (!hasLink()) throw new Error("the firmware has no network");
        this.#counts = true;
        link.#open++;
        const inner = this.#client.request({
          method: options.method,
          path: options.path,
          headers: options.headers,
          onHeaders: (...values) => this.#call(() => options.onHeaders.call(request, ...values)),
          onReadable: (count) => this.#call(() => options.onReadable.call(request, count)),
          onWritable: (count) => this.#call(() => options.onWritable?.call(request, count)),
          onDone: (error) => this.#call(() => options.onDone.call(request, error)),
        });
        const request: ClientRequest = {
          read: (into) => {
            const count = inner.read(into);
            link.receivedBytes += count ?? 0;
            return count;
          },
          write: (from) => inner.write(from),
        };
        return request;
      }

      close(): void {
        if (this.#counts) link.#open--;
        this.#counts = false;
        this.#client.close();
      }

      /** Into the firmware, unless its boot is over: then the socket goes with it. */
      #call(callback: () => void): void {
        if (isAlive()) run(callback);
        else this.close();
      }
    };
  };

  /**
   * Runs until `until` holds. Rejects after `realTimeoutMs` of real time, or when nothing is left.
   */
  async run(simulation: Simulation, until: () => boolean, realTimeoutMs: number): Promise<void> {
    const startedMs = performance.now();
    let lastMs = startedMs;
    const limits = { untilMs: Number.POSITIVE_INFINITY, bootsMax: 64, until };
    while (true) {
      const nowMs = performance.now();
      if (nowMs - startedMs > realTimeoutMs) throw new Error("the run took too long");
      const waits = this.#open > 0;
      if (waits) simulation.world.advance(nowMs - lastMs);
      lastMs = nowMs;
      const untilMs = waits ? simulation.world.nowMs : limits.untilMs;
      const end = simulation.board.step({ ...limits, untilMs });
      if (end === "until") return;
      if (end === "dead" || end === "boots") throw new Error(`the run ended with "${end}"`);
      if (end === "stuck" && !waits) throw new Error("nothing is left to happen");
      if (end !== null) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
