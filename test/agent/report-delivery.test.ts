/** Reports against a connection that the test holds. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AgentContext } from "../../src/agent/context.js";
import { retryAfterMs } from "../../src/agent/download.js";
import { Reporter } from "../../src/agent/reporter.js";
import type { Hal, HttpReceiver, HttpRequest } from "../../src/hal.js";

const test = suite("agent/report-delivery");

/** A reporter with hand-run timers and connections. */
class Desk {
  readonly receivers: HttpReceiver[] = [];
  readonly requests: HttpRequest[] = [];
  readonly posted: string[] = [];
  closed = 0;
  nowMs = 0;
  #timers: (() => void)[] = [];
  readonly reporter: Reporter;

  constructor() {
    const hal = {
      timers: {
        nowMs: () => this.nowMs,
        set: (callback: () => void, delayMs: number) => {
          if (delayMs === 0) this.#timers.push(callback);
          return this.#timers.length;
        },
        clear: () => {},
      },
      http: {
        request: (_: unknown, receiver: HttpReceiver): HttpRequest => {
          const request = { read: () => 0, close: () => void this.closed++ };
          this.receivers.push(receiver);
          this.requests.push(request);
          return request;
        },
      },
      keyValue: { read: () => -1 },
      entropy: () => {},
      deviceId: () => "device",
      resetReason: () => "power-on",
      engineVersion: () => 0,
      leastFreeHeapBytes: () => 0,
    } as unknown as Hal;
    const newReportId = (): Uint8Array => new Uint8Array(8);
    const attempt = {
      phase: 6,
      reason: "crashed",
      reportId: new Uint8Array(8),
      manifestDigest: new Uint8Array(32),
      sequenceNumber: 2,
    };
    const context = {
      hal,
      options: {},
      journal: { attempt, underWay: attempt, confirmed: null, newReportId, read: () => null },
      server: { scheme: "http", hostname: "h", port: 80, path: "/" },
      servers: { untold: "", heard: () => {}, next: () => true },
      capabilities: 0,
      post: (event: string) => void this.posted.push(event),
      enter: (run: () => void) => run(),
    };
    this.reporter = new Reporter(context as unknown as AgentContext);
  }

  runTimers(): void {
    for (const callback of this.#timers.splice(0)) callback();
  }
}

test("what follows a report is not begun within the call of the HTTP client", () => {
  const desk = new Desk();
  desk.reporter.sendReport();
  desk.runTimers();
  desk.receivers[0].headersReceived(desk.requests[0], 201, new Map());
  desk.receivers[0].dataReadable(desk.requests[0], 5);
  assert.equal([desk.closed, desk.posted], [1, []]);
  desk.runTimers();
  assert.equal(desk.posted, ["reportDelivered"]);
});

test("a report that is still on its way is closed before the next one is sent", () => {
  const desk = new Desk();
  for (const first of [1, 2]) {
    desk.nowMs += 900_000;
    desk.reporter.tellRefusal({
      reason: "signature-invalid",
      manifestDigest: new Uint8Array(32).fill(first),
      sequenceNumber: 0,
    });
    desk.runTimers();
  }
  assert.equal([desk.requests.length, desk.closed], [2, 1]);
});

test("Retry-After is honoured for a day at most, and a date not at all", () => {
  const after = (value: string): number => retryAfterMs(new Map([["retry-after", value]]));
  assert.equal(
    [after("120"), after("86400"), after("86401"), after("Fri, 31 Dec 1999 23:59:59 GMT")],
    [120_000, 86_400_000, 86_400_000, 0],
  );
});

test.run();
