/**
 * Faults of network and server: small data that prints to one token and parses from it, so that it
 * can be part of a plan that replays a failure.
 *
 *     net:[HOST/]KIND[=VALUE][@TARGET][#FROM][xCOUNT]
 *
 * hits the requests FROM to FROM + COUNT - 1 to TARGET (offer, payload, report or any) of HOST (or
 * of all hosts), counted from 0 since the plan was made. FROM 0, COUNT 1, the kind's own VALUE and
 * TARGET are left out.
 *
 * | kind               | what the device sees                                     | VALUE         |
 * |--------------------|----------------------------------------------------------|---------------|
 * | refused            | no connection; the server never learns of the request    |               |
 * | lost-answer        | the server has acted, its answer never comes             |               |
 * | mute               | as before, but the connection stays open and silent      |               |
 * | break, stall       | the connection breaks or falls silent in the body        | after bytes   |
 * | trickle            | 16 bytes at a time                                       | bytes per s   |
 * | status             | that status without a usable body                        | status        |
 * | busy, flooded      | 503, 429 with Retry-After                                | seconds       |
 * | portal             | 200 with a page of HTML, as of a captive portal          | bytes of it   |
 * | portal-chunked     | the same, without a content length                       | bytes of it   |
 * | 200-for-range      | the whole, though a range was asked for                  |               |
 * | 416-for-range      | 416, whatever range was asked for                        |               |
 * | wrong-range        | 206 whose Content-Range begins elsewhere                 | bytes further |
 * | wrong-total        | 206 whose Content-Range tells another size               | bytes more    |
 * | no-range           | 206 without Content-Range                                |               |
 * | other-content      | other bytes under another entity tag                     | seed          |
 * | short              | a whole answer that ends too early                       | bytes missing |
 * | long               | more bytes than the image has, and a length that says so | bytes more    |
 * | long-chunked       | the same, without a content length                       | bytes more    |
 * | chunked            | no content length                                        |               |
 * | duplicate, reorder | a piece of 512 bytes comes twice, or after its successor | its offset    |
 * | huge-headers       | headers of that size                                     | bytes         |
 * | redirect           | 307 to another path on the same host                     |               |
 * | redirect-long      | the same, to a path that is longer                       | characters    |
 * | redirect-host      | 307 to a host that serves the same                       |               |
 * | redirect-dead      | 307 to a host that does not exist                        |               |
 * | redirect-https     | 307 to a scheme that the device has no client for        |               |
 * | redirect-nowhere   | 307 without a Location                                   |               |
 * | replay             | the first answer that this path ever gave                |               |
 * | down               | refused, whatever FROM and COUNT say                     | for s         |
 */
import { asciiBytes } from "../../src/bytes.js";
import { bytesBody } from "../../src/server/body.js";
import type { ServerRequest, ServerResponse } from "../../src/server/handler.js";
import { lengthened, rewriteBody, rewriteRange } from "./answer-changes.js";
import { type Delivery, withoutQuery } from "./network.js";
import { Prng } from "./prng.js";

export type NetworkTarget = "offer" | "payload" | "report" | "any";

interface Kind {
  readonly value: number;
  readonly target: NetworkTarget;
  readonly act: (fault: NetworkFault, request: ServerRequest, delivery: Delivery) => void;
}

/** One fault; its tokens are described at the top of this file. */
export interface NetworkFault {
  readonly kind: NetworkFaultKind;
  /** "" for all hosts. */
  readonly host: string;
  readonly value: number;
  readonly target: NetworkTarget;
  readonly from: number;
  readonly count: number;
}

const pieceBytes = 512;

const kind = (value: number, target: NetworkTarget, act: Kind["act"]): Kind => ({
  value,
  target,
  act,
});

const kinds = {
  refused: kind(0, "any", (_fault, _request, delivery) => {
    delivery.connects = false;
  }),
  "lost-answer": kind(0, "any", (_fault, _request, delivery) => {
    delivery.breaksBeforeHeaders = true;
  }),
  mute: kind(0, "any", (_fault, _request, delivery) => {
    delivery.latencyMs = Number.POSITIVE_INFINITY;
  }),
  break: kind(5000, "payload", ({ value }, _request, delivery) => {
    delivery.breakAfterBytes = value;
  }),
  stall: kind(5000, "payload", ({ value }, _request, delivery) => {
    delivery.stallAfterBytes = value;
  }),
  trickle: kind(16, "payload", ({ value }, _request, delivery) => {
    delivery.pieceBytesMax = 16;
    delivery.bytesPerMs = Math.max(1, value) / 1000;
  }),
  status: kind(404, "any", ({ value }, _request, delivery) => answer(delivery, value, "")),
  busy: kind(120, "any", ({ value }, _request, delivery) => {
    answer(delivery, 503, "", [["retry-after", `${value}`]]);
  }),
  flooded: kind(120, "any", ({ value }, _request, delivery) => {
    answer(delivery, 429, "", [["retry-after", `${value}`]]);
  }),
  portal: kind(600, "any", ({ value }, _request, delivery) => {
    answer(delivery, 200, portalPage(value), [["content-type", "text/html"]]);
  }),
  "portal-chunked": kind(600, "any", ({ value }, _request, delivery) => {
    answer(delivery, 200, portalPage(value), [["content-type", "text/html"]]);
    delivery.response.headers.delete("content-length");
  }),
  "200-for-range": kind(0, "payload", (_fault, request, delivery) => {
    const headers = new Map(request.headers);
    headers.delete("range");
    delivery.response = delivery.ask({ ...request, headers });
  }),
  "416-for-range": kind(0, "payload", (_fault, request, delivery) => {
    if (request.headers.has("range")) answer(delivery, 416, "");
  }),
  "wrong-range": kind(4096, "payload", ({ value }, _request, delivery) => {
    rewriteRange(delivery, (first, last, total) => `bytes ${first + value}-${last}/${total}`);
  }),
  "wrong-total": kind(16, "payload", ({ value }, _request, delivery) => {
    rewriteRange(delivery, (first, last, total) => `bytes ${first}-${last}/${total + value}`);
  }),
  "no-range": kind(0, "payload", (_fault, _request, delivery) => {
    rewriteRange(delivery, () => "");
    delivery.response.headers.delete("content-range");
  }),
  "other-content": kind(7, "payload", ({ value }, _request, delivery) => {
    const random = new Prng(value);
    // The image header stays: only the content is another build's.
    rewriteBody(delivery, (bytes) =>
      bytes.map((byte, i) => (i < 64 ? byte : byte ^ random.next())),
    );
    delivery.response.headers.set("etag", `"other ${value}"`);
  }),
  short: kind(100, "payload", ({ value }, _request, delivery) => {
    rewriteBody(delivery, (bytes) => bytes.subarray(0, Math.max(0, bytes.length - value)));
  }),
  long: kind(100, "payload", ({ value }, _request, delivery) => {
    rewriteBody(delivery, (bytes) => lengthened(bytes, value));
  }),
  "long-chunked": kind(100, "payload", ({ value }, _request, delivery) => {
    rewriteBody(delivery, (bytes) => lengthened(bytes, value));
    delivery.response.headers.delete("content-length");
  }),
  chunked: kind(0, "payload", (_fault, _request, delivery) => {
    delivery.response.headers.delete("content-length");
  }),
  duplicate: kind(4096, "payload", ({ value }, _request, delivery) => {
    rewriteBody(delivery, (bytes) => {
      const changed = bytes.slice();
      if (value + 2 * pieceBytes > bytes.length) return changed;
      changed.copyWithin(value + pieceBytes, value, value + pieceBytes);
      return changed;
    });
  }),
  reorder: kind(4096, "payload", ({ value }, _request, delivery) => {
    rewriteBody(delivery, (bytes) => {
      const changed = bytes.slice();
      if (value + 2 * pieceBytes > bytes.length) return changed;
      changed.copyWithin(value, value + pieceBytes, value + 2 * pieceBytes);
      changed.set(bytes.subarray(value, value + pieceBytes), value + pieceBytes);
      return changed;
    });
  }),
  "huge-headers": kind(65536, "any", ({ value }, _request, delivery) => {
    delivery.response.headers.set("x-cache", "x".repeat(value));
  }),
  redirect: kind(0, "any", (_fault, { path }, delivery) => redirect(delivery, `${path}?moved`)),
  "redirect-long": kind(800, "any", ({ value }, { path }, delivery) => {
    redirect(delivery, `${path}?${"s".repeat(Math.max(0, value - path.length - 1))}`);
  }),
  "redirect-host": kind(0, "any", (_fault, { path }, delivery) => {
    redirect(delivery, `http://cdn.example.net${path}`);
  }),
  "redirect-dead": kind(0, "any", (_fault, { path }, delivery) => {
    redirect(delivery, `http://gone.invalid${path}`);
  }),
  "redirect-https": kind(0, "any", (_fault, { path }, delivery) => {
    redirect(delivery, `https://updates.example.com${path}`);
  }),
  "redirect-nowhere": kind(0, "any", (_fault, _request, delivery) => answer(delivery, 307, "")),
  replay: kind(0, "offer", () => {
    // Done by NetworkFaults, which remembers the answers.
  }),
  down: kind(600, "any", ({ value }, _request, delivery) => {
    if (delivery.atMs < value * 1000) delivery.connects = false;
  }),
} as const satisfies { readonly [name: string]: Kind };

export type NetworkFaultKind = keyof typeof kinds;

/** Every kind of fault, in the order of the table above. */
export const networkFaultKinds: readonly NetworkFaultKind[] = Object.freeze(
  Object.keys(kinds) as NetworkFaultKind[],
);

/** A fault of `kind` with the values that are not given left as the kind's own. */
export function networkFault(
  name: NetworkFaultKind,
  given: Partial<Omit<NetworkFault, "kind">> = {},
): NetworkFault {
  const { value, target } = kinds[name];
  return { kind: name, host: "", value, target, from: 0, count: 1, ...given };
}

/** The token of a fault. */
export function printNetworkFault(fault: NetworkFault): string {
  const usual = kinds[fault.kind];
  const value = fault.value === usual.value ? "" : `=${fault.value}`;
  const target = fault.target === usual.target ? "" : `@${fault.target}`;
  const from = fault.from === 0 ? "" : `#${fault.from}`;
  const count = fault.count === 1 ? "" : `x${fault.count}`;
  const host = fault.host === "" ? "" : `${fault.host}/`;
  return `net:${host}${fault.kind}${value}${target}${from}${count}`;
}

/** Throws RangeError for a text that `printNetworkFault` does not make. */
export function parseNetworkFault(token: string): NetworkFault {
  const place = /^net:(?:([a-z0-9.-]+)\/)?/.exec(token);
  const form = /^([a-z0-9-]+?)(?:=(\d+))?(?:@(offer|payload|report|any))?(?:#(\d+))?(?:x(\d+))?$/;
  const found = place && form.exec(token.slice(place[0].length));
  if (found === null || !Object.hasOwn(kinds, found[1])) {
    throw new RangeError(`"${token}" is not a network fault`);
  }
  const name = found[1] as NetworkFaultKind;
  const usual = kinds[name];
  const fault = networkFault(name, {
    host: place?.[1] ?? "",
    value: found[2] === undefined ? usual.value : Number(found[2]),
    target: (found[3] as NetworkTarget | undefined) ?? usual.target,
    from: Number(found[4] ?? "0"),
    count: Number(found[5] ?? "1"),
  });
  if (fault.count < 1 || printNetworkFault(fault) !== token) {
    throw new RangeError(`"${token}" is not a network fault`);
  }
  return fault;
}

/** What a request asks for, by its path. */
export function networkTargetOf(path: string): Exclude<NetworkTarget, "any"> {
  const plain = withoutQuery(path);
  if (plain.endsWith("/latest.suit")) return "offer";
  return plain.endsWith("/reports") ? "report" : "payload";
}

/** Applies a plan of faults to the requests of a Network; give it `intercept`. */
export class NetworkFaults {
  #faults: readonly NetworkFault[] = [];
  /** Requests so far, by host ("" for all of them) and target. */
  readonly #counts = new Map<string, number>();
  readonly #first = new Map<string, ServerResponse>();
  /** Requests that a fault has changed since the plan was made. */
  hits = 0;

  /** Until all faults are over, at most: a device without an attempt asks every 15 minutes. */
  get patienceMs(): number {
    return this.#faults.reduce((sum, { kind, value, count }) => {
      return sum + (kind === "down" ? value * 1000 : count * 900_000);
    }, 0);
  }

  /** Sets the faults to come and begins to count anew. */
  plan(faults: readonly NetworkFault[]): void {
    this.#faults = faults;
    this.#first.clear();
    this.#counts.clear();
    this.hits = 0;
  }

  /** True when no request can be hit any more. */
  isOver(): boolean {
    return this.#faults.every((fault) => this.#countOf(fault) >= fault.from + fault.count);
  }

  #countOf({ host, target }: { readonly host: string; readonly target: NetworkTarget }): number {
    return this.#counts.get(`${host} ${target}`) ?? 0;
  }

  readonly intercept = (request: ServerRequest, delivery: Delivery, hostname: string): void => {
    if (this.#faults.length === 0) return;
    const own = networkTargetOf(request.path);
    const plain = withoutQuery(request.path);
    // The content network behind a redirect: it knows what the query of a signed address means.
    if (plain !== request.path) delivery.response = delivery.ask({ ...request, path: plain });
    for (const host of ["", hostname]) {
      for (const target of [own, "any"] as const) {
        this.#counts.set(`${host} ${target}`, this.#countOf({ host, target }) + 1);
      }
    }
    for (const fault of this.#faults) {
      if (fault.target !== own && fault.target !== "any") continue;
      if (fault.host !== "" && fault.host !== hostname) continue;
      const index = this.#countOf(fault) - 1;
      const isHit = index >= fault.from && index < fault.from + fault.count;
      if (!isHit && fault.kind !== "down") continue;
      this.hits++;
      kinds[fault.kind].act(fault, request, delivery);
      const past = this.#first.get(request.path);
      if (fault.kind === "replay" && past !== undefined) delivery.response = past;
    }
    if (own === "offer" && delivery.connects && !this.#first.has(request.path)) {
      if (delivery.response.status === 200) this.#first.set(request.path, delivery.response);
    }
  };
}

function answer(
  delivery: Delivery,
  status: number,
  text: string,
  headers: readonly (readonly [string, string])[] = [],
): void {
  const body = bytesBody(asciiBytes(text));
  delivery.response = {
    status,
    headers: new Map([...headers, ["content-length", `${body.lengthBytes}`]]),
    body,
  };
}

function redirect(delivery: Delivery, location: string): void {
  answer(delivery, 307, "", [["location", location]]);
}

function portalPage(sizeBytes: number): string {
  return "<!DOCTYPE html><title>Please sign in</title>".padEnd(sizeBytes, " ").slice(0, sizeBytes);
}
