/**
 * One HTTP exchange with limits: silence, total time, redirects. All callbacks of the host end here
 * and no exception leaves them (on XS it would abort the machine).
 */
import type { Hal, HttpHeaders, HttpReceiver, HttpRequest, TimerHandle } from "../hal.js";
import { locationBytesMax } from "../limits.js";
import { type HttpTarget, resolveUri } from "./url.js";

/** The receiver of an exchange. `ended` is called once, and last. */
export interface ExchangeHandler {
  /** The final status and headers. */
  headersReceived(status: number, headers: HttpHeaders): void;
  /** `countBytes` can be read from `source`, now or later; more comes when all of it was taken. */
  dataReadable(source: HttpRequest, countBytes: number): void;
  /** The body is complete (`failed` false) or the exchange broke. */
  ended(failed: boolean): void;
}

export interface ExchangeRequest {
  readonly target: HttpTarget;
  readonly method: "GET" | "POST";
  readonly headers: HttpHeaders;
  readonly body?: Uint8Array;
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
  private http: HttpRequest | null = null;
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
    const { method, headers, body } = this.request;
    const { hostname, port, path } = this.current;
    const options = { hostname, port, path, method, headers };
    try {
      this.http = this.hal.http.request(body === undefined ? options : { ...options, body }, this);
    } catch {
      this.end(true);
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
    const location = resolveUri(this.current, headers.get("location") ?? "", locationBytesMax);
    if (location === null || this.redirects >= redirectsMax) return this.end(true);
    this.drop();
    this.redirects++;
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
   */
  end(failed: boolean): void {
    if (this.over) return;
    this.stop();
    const tell = (): void => {
      this.timer = null;
      if (!this.closed) this.handler.ended(failed);
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
    if (stallMs <= 0 || totalMs <= 0) return this.end(true);
    // A clock with fractions may leave a rest too small to be added to it: the timer would spin.
    this.wait(Math.ceil(Math.min(stallMs, totalMs)), () => this.watch());
  }
}
