import { test } from "uvu";
import * as assert from "uvu/assert";
import { Exchange, type ExchangeHandler } from "../../src/agent/exchange.js";
import type { Hal, Http, HttpReceiver, HttpRequest, HttpRequestOptions } from "../../src/hal.js";

/** A request that was made, as its host sees it; each callback is a turn of the event loop. */
class Made implements HttpRequest {
  readonly options: HttpRequestOptions;
  readonly #receiver: HttpReceiver;
  readonly #desk: Desk;

  phase: string | undefined;
  error: string | undefined;

  constructor(options: HttpRequestOptions, receiver: HttpReceiver, desk: Desk) {
    this.options = options;
    this.#receiver = receiver;
    this.#desk = desk;
  }

  read(): number {
    return 0;
  }

  close(): void {
    this.#desk.closed++;
  }

  headers(status: number, headers: ReadonlyMap<string, string> = new Map()): void {
    this.#receiver.headersReceived(this, status, headers);
    this.#desk.turn();
  }

  readable(countBytes: number): void {
    this.#receiver.dataReadable(this, countBytes);
    this.#desk.turn();
  }

  done(failed: boolean): void {
    this.#receiver.ended(this, failed);
    this.#desk.turn();
  }
}

/** A network and a clock that the test moves by hand. */
class Desk {
  nowMs = 0;
  readonly delays: number[] = [];
  readonly requests: Made[] = [];
  readonly log: string[] = [];
  /** What was told with the end. */
  error = "";
  closed = 0;
  /** Timers that wait, by handle: their delays and callbacks. */
  readonly #timers = new Map<number, readonly [number, () => void]>();
  #handles = 0;

  readonly http: { -readonly [key in keyof Http]: Http[key] } = {
    scheme: "http",
    request: (options, receiver) => {
      const made = new Made(options, receiver, this);
      this.requests.push(made);
      return made;
    },
  };

  readonly handler: ExchangeHandler = {
    headersReceived: (status) => this.log.push(`headers ${status}`),
    dataReadable: (_source, count) => this.log.push(`data ${count}`),
    ended: (failed, error) => {
      this.log.push(`ended ${failed}`);
      this.error = error;
    },
  };

  exchange(
    method: "GET" | "POST" = "GET",
    headers = new Map<string, string>(),
    hostname = "a.example",
  ): Exchange {
    const hal = {
      http: this.http,
      timers: {
        nowMs: () => this.nowMs,
        set: (callback: () => void, delayMs: number) => {
          this.#timers.set(++this.#handles, [delayMs, callback]);
          if (delayMs > 0) this.delays.push(delayMs);
          return this.#handles;
        },
        clear: (handle: number) => this.#timers.delete(handle),
      },
    } as unknown as Hal;
    const exchange = new Exchange(
      hal,
      {
        target: { scheme: this.http.scheme, hostname, port: 80, path: "/x/y" },
        method,
        headers,
        stallTimeoutMs: 30_000,
        totalTimeoutMs: 60_000,
      },
      this.handler,
    );
    exchange.start();
    this.turn();
    return exchange;
  }

  /** Runs what waits for the next turn of the event loop. */
  turn(): void {
    while ([...this.#timers.values()].some(([delayMs]) => delayMs === 0)) {
      this.#fire((delayMs) => delayMs === 0);
    }
  }

  /** Moves the clock and lets the timers fire. */
  fireAt(nowMs: number): void {
    this.nowMs = nowMs;
    this.#fire(() => true);
    this.turn();
  }

  get waiting(): number {
    return this.#timers.size;
  }

  #fire(isDue: (delayMs: number) => boolean): void {
    for (const [handle, [delayMs, callback]] of [...this.#timers]) {
      if (isDue(delayMs) && this.#timers.delete(handle)) callback();
    }
  }

  redirect(location: string | null): void {
    const headers = new Map(location === null ? [] : [["location", location]]);
    this.requests.at(-1)?.headers(307, headers);
  }
}

test("silence ends an exchange, and so does its total time", () => {
  const silent = new Desk();
  silent.exchange();
  silent.fireAt(30_000);
  assert.equal(silent.log, ["ended true"]);
  const slow = new Desk();
  slow.exchange();
  for (const at of [20_000, 40_000, 59_000]) {
    slow.nowMs = at;
    slow.requests[0].readable(1);
  }
  slow.fireAt(59_500);
  slow.fireAt(60_000);
  assert.equal(slow.log, ["data 1", "data 1", "data 1", "ended true"]);
});

test("a deadline is waited for in whole milliseconds, so that it is always reached", () => {
  const desk = new Desk();
  desk.exchange();
  desk.nowMs = 152_236.791_406_25;
  desk.requests[0].readable(1);
  desk.fireAt(20_000);
  desk.nowMs = 20_000;
  desk.requests[0].readable(1);
  // What a clock with fractions makes of "30 s later": a little too early.
  desk.fireAt(49_999.999_999_99);
  assert.ok(
    desk.delays.every((delayMs) => delayMs >= 1),
    desk.delays.join(" "),
  );
});

test("nothing is told after the end or after close", () => {
  const desk = new Desk();
  const exchange = desk.exchange();
  const [request] = desk.requests;
  exchange.close();
  exchange.close();
  request.headers(200);
  request.readable(5);
  request.done(false);
  desk.fireAt(90_000);
  assert.equal([desk.log, desk.closed], [[], 1]);
});

test("a redirect opens the other address, and the first request is heard no more", () => {
  const desk = new Desk();
  desk.exchange();
  desk.redirect("/z");
  const [first, second] = desk.requests;
  assert.equal([second.options.hostname, second.options.path, desk.closed], ["a.example", "/z", 1]);
  first.readable(7);
  first.done(true);
  second.headers(200);
  second.done(false);
  assert.equal(desk.log, ["headers 200", "ended false"]);
  assert.is(desk.waiting, 0, "no timer is left");
});

test("a redirect is followed from a timer: the stack is the HTTP client's in its callback", () => {
  const desk = new Desk();
  desk.exchange();
  desk.turn = () => undefined;
  desk.redirect("/z");
  assert.equal([desk.requests.length, desk.closed, desk.waiting], [1, 1, 1]);
});

test("a redirect that is due after the deadline opens nothing; nothing is told later", () => {
  const desk = new Desk();
  desk.exchange();
  const turn = desk.turn.bind(desk);
  desk.turn = () => undefined;
  desk.redirect("/z");
  desk.nowMs = 60_000;
  turn();
  assert.equal([desk.requests.length, desk.closed, desk.log], [1, 1, ["ended true"]]);
  desk.requests[0].headers(200);
  desk.requests[0].readable(5);
  assert.equal([desk.log, desk.waiting], [["ended true"], 0]);
});

test("redirects that are too many, lead nowhere or to another scheme end the exchange", () => {
  const loop = new Desk();
  loop.exchange();
  for (let i = 0; i < 4; i++) loop.redirect("/x/y");
  assert.equal([loop.requests.length, loop.log], [4, ["ended true"]]);
  const bad = [null, "", "https://a.example/", "//b.example/", "../up", "/a b", "ftp://a/b"];
  for (const location of [...bad, `/${"l".repeat(2048)}`, "http://user@b.example/"]) {
    const desk = new Desk();
    desk.exchange();
    desk.redirect(location);
    assert.equal([desk.requests.length, desk.log], [1, ["ended true"]], `${location}`);
  }
});

const secrets = [
  ["daruma-device", "240ac4000001"],
  ["daruma-release", "00"],
  ["daruma-sequence", "7"],
  ["authorization", "Bearer x"],
  ["cookie", "a=b"],
  ["x-anything", "else"],
] as const;
const harmless = [["range", "bytes=4096-"]] as const;

test("a redirect to another server takes the range along, and not the name of the device", () => {
  for (const location of ["http://b.example/z", "http://a.example:81/z"]) {
    const desk = new Desk();
    desk.exchange("GET", new Map([...secrets, ...harmless]));
    desk.redirect(location);
    assert.equal([...desk.requests[1].options.headers], harmless, location);
    desk.redirect("http://a.example/z");
    assert.equal([...desk.requests[2].options.headers], harmless, "dropped for good");
  }
});

test("a redirect within the server takes along all headers", () => {
  for (const location of ["/z", "http://a.example/z", "http://a.example:80/z"]) {
    const desk = new Desk();
    const headers = new Map([...secrets, ...harmless]);
    desk.exchange("GET", headers);
    desk.redirect(location);
    assert.equal([...desk.requests[1].options.headers], [...headers], location);
  }
});

test("no redirect leads from https to http", () => {
  const desk = new Desk();
  desk.http.scheme = "https";
  desk.exchange();
  desk.redirect("http://a.example/z");
  assert.equal([desk.requests.length, desk.log], [1, ["ended true"]]);
  assert.is(desk.error, "redirect not followed, a.example:80");
});

test("what was wrong is told with the end: what, where, and while what was done", () => {
  const told = (act: (desk: Desk, made: Made, exchange: Exchange) => void): string => {
    const desk = new Desk();
    const exchange = desk.exchange();
    act(desk, desk.requests[0], exchange);
    return desk.error;
  };
  const phase = (name: string, act: (desk: Desk, made: Made) => void): string =>
    told((desk, made) => {
      made.phase = name;
      act(desk, made);
    });
  const silent = (desk: Desk): void => desk.fireAt(30_000);
  const lost = (_desk: Desk, made: Made): void => made.done(true);
  assert.is(told(silent), "silent for 30 s, a.example:80");
  assert.is(phase("TLS", silent), "TLS: silent for 30 s, a.example:80");
  assert.is(
    phase("answer", (desk, made) => {
      desk.nowMs = 59_000;
      made.readable(1);
      desk.fireAt(60_000);
    }),
    "answer: too slow, a.example:80",
  );
  assert.is(told(lost), "connection failed, a.example:80");
  assert.is(phase("connect", lost), "connect: connection failed, a.example:80");
  assert.is(phase("answer", lost), "answer: connection failed, a.example:80");
  const found = phase("TLS", (desk, made) => {
    // As the SDK's client does: why it failed comes after that it did.
    const { turn } = desk;
    desk.turn = () => undefined;
    made.done(true);
    made.error = "date validation failed";
    turn.call(desk);
  });
  assert.is(found, "TLS: date validation failed, a.example:80");
  assert.is(
    told((desk, _made, exchange) => {
      exchange.end(false, "status 503");
      desk.turn();
    }),
    "status 503, a.example:80",
  );
  assert.is(
    told((_desk, made) => made.headers(200)),
    "",
  );
  assert.is(
    told((_desk, made) => made.done(false)),
    "",
  );
  assert.is(
    told((desk) => desk.redirect("/a b")),
    "redirect not followed, a.example:80",
  );
  assert.is(
    told((desk) => {
      desk.redirect("http://b.example:81/secret?token=1");
      desk.requests[1].done(true);
    }),
    "connection failed, b.example:81",
  );
});

test("what is told has at most 64 printable characters, whatever an error quotes", () => {
  for (const error of ["\u0000\n\u007f\u00e4", "x".repeat(1000)]) {
    const desk = new Desk();
    desk.exchange("GET", new Map(), `${"h".repeat(50)}.example`);
    desk.requests[0].error = error;
    desk.requests[0].done(true);
    assert.match(desk.error, /^[ -~]{1,64}$/);
  }
});

test("a redirected report is not sent elsewhere", () => {
  const desk = new Desk();
  desk.exchange("POST");
  desk.redirect("/z");
  assert.equal([desk.requests.length, desk.log], [1, ["headers 307"]]);
});

test("an exception of the host or of the receiver ends the exchange as failed", () => {
  const host = new Desk();
  host.http.request = () => {
    throw new Error("no socket");
  };
  host.exchange();
  assert.equal(host.log, ["ended true"]);
  const receiver = new Desk();
  receiver.handler.dataReadable = () => {
    throw new Error("full");
  };
  receiver.exchange();
  receiver.requests[0].readable(1);
  assert.equal(receiver.log, ["ended true"]);
});

/** Timers that the test runs, and that fail when it says so. */
class FailingTimers {
  fails: "" | "set" | "clear" | "nowMs" = "";
  readonly due: (() => void)[] = [];
  readonly log: string[] = [];
  receiver: HttpReceiver | null = null;
  readonly request: HttpRequest = { read: () => 0, close: () => void this.log.push("closed") };
  readonly exchange: Exchange;

  constructor() {
    const call = (name: string): void => {
      if (name === this.fails) throw new Error(`${name} fails`);
    };
    const hal = {
      http: {
        request: (_: unknown, receiver: HttpReceiver) => {
          this.receiver = receiver;
          return this.request;
        },
      },
      timers: {
        nowMs: () => {
          call("nowMs");
          return 0;
        },
        set: (callback: () => void) => {
          call("set");
          return this.due.push(callback);
        },
        clear: () => call("clear"),
      },
    } as unknown as Hal;
    const target = { scheme: "http", hostname: "a.example", port: 80, path: "/" } as const;
    const limits = { stallTimeoutMs: 30_000, totalTimeoutMs: 60_000 };
    this.exchange = new Exchange(
      hal,
      { target, method: "GET", headers: new Map(), ...limits },
      {
        headersReceived: () => {},
        dataReadable: () => {},
        ended: (failed) => this.log.push(`ended ${failed}`),
      },
    );
    this.exchange.start();
  }

  runNext(): void {
    this.due.shift()?.();
  }
}

test("no timer that fails gets an exception out of an exchange; it ends as failed", () => {
  const opening = new FailingTimers();
  opening.fails = "set";
  opening.runNext();
  assert.equal(opening.log, ["ended true"]);
  for (const fails of ["set", "nowMs"] as const) {
    const waiting = new FailingTimers();
    waiting.runNext();
    waiting.fails = fails;
    waiting.runNext();
    waiting.runNext();
    assert.equal(waiting.log, ["closed", "ended true"], fails);
  }
  const receiving = new FailingTimers();
  receiving.runNext();
  receiving.fails = "nowMs";
  receiving.receiver?.dataReadable(receiving.request, 1);
  receiving.runNext();
  receiving.runNext();
  assert.equal(receiving.log, ["closed", "ended true"]);
});

test("a timer that cannot be cleared tells nothing of an exchange that was closed", () => {
  const told = new FailingTimers();
  told.runNext();
  told.fails = "clear";
  told.receiver?.ended(told.request, false);
  told.runNext();
  told.runNext();
  assert.equal(told.log, ["closed", "ended false"], "an end is told all the same");
  const closed = new FailingTimers();
  closed.runNext();
  closed.receiver?.ended(closed.request, false);
  closed.fails = "clear";
  closed.exchange.close();
  closed.runNext();
  closed.runNext();
  assert.equal(closed.log, ["closed"]);
});

test.run();
