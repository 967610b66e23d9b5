/** Asks the update server for its offer: the envelope itself, read into the work buffer. */
import type { Hal, HttpHeaders, HttpRequest } from "../hal.js";
import { envelopeBytesMax } from "../limits.js";
import { retryAfterMs } from "./download.js";
import { Exchange, type ExchangeHandler } from "./exchange.js";
import { defaults } from "./options.js";
import type { HttpTarget } from "./url.js";

/** What came of asking: an envelope, none, one that is too big, or no usable answer. */
export type OfferAnswer = "envelope" | "none" | "too-big" | "unreachable";

export interface OfferListener {
  /** Called once. An envelope lies in the buffer's first `lengthBytes`. */
  answered(answer: OfferAnswer, lengthBytes: number, retryMs: number): void;
}

export class OfferRequest implements ExchangeHandler {
  private readonly exchange: Exchange;
  private readonly buffer: Uint8Array;
  private readonly listener: OfferListener;
  private length = 0;
  private answer: OfferAnswer = "unreachable";
  private retryMs = 0;

  constructor(
    hal: Hal,
    target: HttpTarget,
    headers: HttpHeaders,
    stallTimeoutMs: number,
    buffer: Uint8Array,
    listener: OfferListener,
  ) {
    this.buffer = buffer;
    this.listener = listener;
    const totalTimeoutMs = defaults.exchangeTimeoutMs;
    this.exchange = new Exchange(
      hal,
      { target, method: "GET", headers, stallTimeoutMs, totalTimeoutMs },
      this,
    );
  }

  start(): void {
    this.exchange.start();
  }

  close(): void {
    this.exchange.close();
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    if (status === 200) this.answer = "envelope";
    else if (status === 204 || status === 404) this.end("none");
    else this.end("unreachable", retryAfterMs(headers));
  }

  dataReadable(source: HttpRequest, countBytes: number): void {
    let count = countBytes;
    while (count > 0) {
      const start = this.length;
      const end = Math.min(start + count, envelopeBytesMax);
      if (end <= start) return this.end("too-big");
      const got = source.read(this.buffer.subarray(start, end));
      if (got <= 0) return;
      this.length = start + got;
      count -= got;
    }
  }

  ended(failed: boolean): void {
    const answer = failed && this.answer === "envelope" ? "unreachable" : this.answer;
    this.listener.answered(answer, this.length, this.retryMs);
  }

  /** The last word of the exchange, whether the server has more to say or not. */
  private end(answer: OfferAnswer, retryMs = 0): void {
    this.answer = answer;
    this.retryMs = retryMs;
    this.exchange.end(false);
  }
}
