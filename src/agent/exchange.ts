/**
 * One HTTP exchange with limits: silence, total time, redirects. All callbacks of the host end here
 * and no exception leaves them (on XS it would abort the machine).
 */
import type { Hal, HttpHeaders, HttpReceiver, HttpRequest, TimerHandle } from "../hal.js";
import { limits } from "../limits.js";
import type { AgentContext } from "./context.js";
import { defaults } from "./options.js";
import { type HttpTarget, hostOf, isPrintable, resolveUri } from "./url.js";

/** The receiver of an exchange. `ended` is called once, and last. */
export interface ExchangeHandler {
  /** The final status and headers. */
  headersReceived(status: number, headers: HttpHeaders): void;
  /** `countBytes` can be read from `source`, now or later; more comes when all of it was taken. */
  dataReadable(source: HttpRequest, countBytes: number): void;
  /**
   * The body is complete (`failed` false) or the exchange broke. With what was wrong, in a line for
   * people, "status 503, a.example:80"; "" when nothing was.
   */
  ended(failed: boolean, error: string): void;
}

export interface ExchangeRequest {
  readonly target: HttpTarget;
  readonly method: "GET" | "POST";
  readonly headers: HttpHeaders;
  readonly body?: Uint8Array | undefined;
  readonly stallTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

const redirectsMax = 3;
export class Exchange implements HttpReceiver {
  private readonly hal: Hal;
  private readonly request: ExchangeRequest;
  private readonly handler: ExchangeHandler;
  private readonly startedMs: number;
  private current: HttpTarget;
  /** A redirect to another server takes the range along: no secret, and not who asks. */
  private headers: HttpHeaders;
  private http: HttpRequest | null = null;
  /** The one that was opened last, also when it is over. */
  private last: HttpRequest | null = null;
  private timer: TimerHandle | null = null;
  private activeMs = 0;
  private redirects = 0;
  /** Ended or closed. */
  private over = false;
  /** Nothing is told any more. */
  private closed = false;

  constructor(hal: Hal, request: ExchangeRequest, handler: ExchangeHandler) {
    this.hal = hal;
    this.request = request;
    this.handler = handler;
    this.current = request.target;
    this.headers = request.headers;
    this.startedMs = hal.timers.nowMs();
  }

  /**
   * Opens the connection, from a timer: the end of one exchange often starts the next one, and both
   * in one chain of calls need more than the 384 slots of stack of the smallest ESP32 build.
   * Failure to open arrives as `ended(true)`, never as an exception.
   */
  start(): void {
    this.wait(0, () => {
      this.activeMs = this.hal.timers.nowMs();
      this.watch();
      // A redirect may be due only after the deadline: nobody would close what it opens.
      if (!this.over) this.open();
    });
  }

  /** Ends the exchange without a callback. */
  close(): void {
    this.closed = true;
    this.stop();
  }

  private stop(): void {
    // First: a timer that cannot be cleared finds it over.
    this.over = true;
    this.drop();
    // Also the timer of an end that was not told yet.
    this.clearTimer();
  }

  private clearTimer(): void {
    const timer = this.timer;
    this.timer = null;
    try {
      if (timer !== null) this.hal.timers.clear(timer);
    } catch {
      // It fires for nothing.
    }
  }

  /** Runs `then` from a timer; what it throws ends the exchange. */
  private wait(delayMs: number, then: () => void): void {
    const timer = this.hal.timers.set(() => {
      if (this.over || this.timer !== timer) return;
      this.timer = null;
      try {
        then();
      } catch {
        this.end(true);
      }
    }, delayMs);
    this.timer = timer;
  }

  private drop(): void {
    const http = this.http;
    this.http = null;
    try {
      http?.close();
    } catch {
      // What the host cannot close is over for us all the same: the handler must still hear of it.
    }
  }

  private open(): void {
    const target = this.current;
    const body = this.request.body;
    const options = {
      hostname: target.hostname,
      port: target.port,
      path: target.path,
      method: this.request.method,
      headers: this.headers,
    };
    try {
      this.last = this.http = this.hal.http.request(
        body === undefined ? options : { ...options, body },
        this,
      );
    } catch (error) {
      this.end(true, error instanceof Error ? error.message : "");
    }
  }

  headersReceived(request: HttpRequest, status: number, headers: HttpHeaders): void {
    // Late callbacks of one that was closed or redirected away are ignored.
    if (request !== this.http) return;
    try {
      this.activeMs = this.hal.timers.nowMs();
      const isRedirect = status >= 301 && status <= 308 && status !== 304;
      if (isRedirect && this.request.method === "GET") this.redirect(headers);
      else this.handler.headersReceived(status, headers);
    } catch {
      this.end(true);
    }
  }

  private redirect(headers: HttpHeaders): void {
    const location = resolveUri(
      this.current,
      headers.get("location") ?? "",
      limits.locationBytesMax,
    );
    if (location === null || this.redirects >= redirectsMax) {
      return this.end(true, "redirect not followed");
    }
    this.drop();
    this.redirects++;
    if (hostOf(location) !== hostOf(this.current)) {
      const range = this.headers.get("range");
      const kept = new Map<string, string>();
      if (range !== undefined) kept.set("range", range);
      this.headers = kept;
    }
    this.current = location;
    this.clearTimer();
    this.start();
  }

  dataReadable(request: HttpRequest, countBytes: number): void {
    if (request !== this.http) return;
    try {
      this.activeMs = this.hal.timers.nowMs();
      this.handler.dataReadable(request, countBytes);
    } catch {
      this.end(true);
    }
  }

  ended(request: HttpRequest, failed: boolean): void {
    if (request === this.http) this.end(failed);
  }

  /**
   * Ends the exchange, and tells it from a timer: what follows (signatures, flash, the next
   * exchange) then has the stack to itself and not what the HTTP client's own calls left of it.
   * `why` is for people: what was wrong with an answer.
   */
  end(failed: boolean, why = ""): void {
    if (this.over) return;
    this.stop();
    const tell = (): void => {
      this.timer = null;
      if (this.closed) return;
      // Only now: a host may know why a request failed after it told that it did.
      const error = failed || why !== "" ? this.problem(why) : "";
      // What follows has the memory of the request to itself.
      this.last = null;
      this.handler.ended(failed, error);
    };
    try {
      this.timer = this.hal.timers.set(tell, 0);
    } catch {
      // Without a timer it is told at once: the handler must hear of it.
      tell();
    }
  }

  /** Ends the exchange when it was silent for too long, or lasted too long. */
  private watch(): void {
    const nowMs = this.hal.timers.nowMs();
    const stallMs = this.activeMs + this.request.stallTimeoutMs - nowMs;
    const totalMs = this.startedMs + this.request.totalTimeoutMs - nowMs;
    if (stallMs <= 0) return this.end(true, `silent for ${this.request.stallTimeoutMs / 1000} s`);
    if (totalMs <= 0) return this.end(true, "too slow");
    // A clock with fractions may leave a rest too small to be added to it: the timer would spin.
    this.wait(Math.ceil(Math.min(stallMs, totalMs)), () => this.watch());
  }

  /** What was wrong, where, and while what was done; hosts that do not know say less. */
  private problem(why: string): string {
    const phase = this.last?.phase ?? "";
    let text = why || (this.last?.error ?? "");
    // An error may quote anything.
    if (text === "" || !isPrintable(text.split(" ").join(""))) text = "connection failed";
    return problemAt(this.current, phase === "" ? text : `${phase}: ${text}`);
  }
}

/** Asks the update server in use for what it has at `path`, or tells it `body`. */
export function exchangeWith(
  { hal, server, options }: AgentContext,
  handler: ExchangeHandler,
  path: string,
  headers: HttpHeaders,
  body?: Uint8Array,
): Exchange {
  const exchange = new Exchange(
    hal,
    {
      target: { ...server, path: server.path + path },
      method: body === undefined ? "GET" : "POST",
      headers,
      body,
      stallTimeoutMs: options.stallTimeoutMs ?? defaults.stallTimeoutMs,
      totalTimeoutMs: defaults.exchangeTimeoutMs,
    },
    handler,
  );
  exchange.start();
  return exchange;
}

/** What is wrong with a server, as one line of printable ASCII. */
export function problemAt(target: HttpTarget, what: string): string {
  return `${what}, ${hostOf(target)}`.substring(0, limits.connectionCharsMax);
}
