/** Which part of a representation a request selects: RFC 9110 sections 13 and 14, one range. */

import { hex } from "../bytes.js";
import { type DigestFactory, digestOf } from "../crypto/digest.js";

/** The answer's kind. `first` and `lengthBytes` are in bytes of the whole representation. */
export type Selection =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly lengthBytes: number }
  | { readonly kind: "unsatisfiable" }
  | { readonly kind: "not-modified" }
  | { readonly kind: "precondition-failed" };

const whole: Selection = { kind: "whole" };

/** Strong entity tag (RFC 9110 8.8.3) of a content's SHA-256 digest. */
export function etagOf(sha256: Uint8Array): string {
  return `"${hex(sha256)}"`;
}

/** Strong entity tag of an array. */
export function etagOfBytes(digest: DigestFactory, bytes: Uint8Array): string {
  return etagOf(digestOf(digest, "SHA256", bytes));
}

/** Evaluates preconditions and range in the order of RFC 9110 13.2.2. */
export function select(
  method: string,
  headers: ReadonlyMap<string, string>,
  etag: string,
  lengthBytes: number,
): Selection {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== undefined && !listHas(ifMatch, etag, false)) {
    return { kind: "precondition-failed" };
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== undefined && listHas(ifNoneMatch, etag, true)) {
    return { kind: "not-modified" };
  }
  const range = headers.get("range");
  // RFC 9110 14.2: GET is the only method for which range handling is defined.
  if (range === undefined || method !== "GET") return whole;
  const ifRange = headers.get("if-range");
  // RFC 9110 13.1.5: strong comparison; a date never matches, as no Last-Modified is sent.
  if (ifRange !== undefined && ifRange.trim() !== etag) return whole;
  return selectRange(range, lengthBytes);
}

/** RFC 9110 14.1.2. Anything but one valid byte range selects the whole (14.2 allows it). */
export function selectRange(header: string, lengthBytes: number): Selection {
  const spec = /^bytes=[ \t,]*(\d*)-(\d*)[ \t,]*$/i.exec(header);
  if (spec === null || (spec[1] === "" && spec[2] === "")) return whole;
  if (spec[1] === "") {
    const suffix = Number(spec[2]);
    if (suffix === 0) return { kind: "unsatisfiable" };
    // An empty representation satisfies a suffix, but no Content-Range could say so.
    if (lengthBytes === 0) return whole;
    const count = Math.min(suffix, lengthBytes);
    return { kind: "part", first: lengthBytes - count, lengthBytes: count };
  }
  const first = Number(spec[1]);
  const last = spec[2] === "" ? Number.POSITIVE_INFINITY : Number(spec[2]);
  // RFC 9110 14.1.1: last below first makes the range invalid, so it is ignored.
  if (last < first) return whole;
  if (first >= lengthBytes) return { kind: "unsatisfiable" };
  return { kind: "part", first, lengthBytes: Math.min(last, lengthBytes - 1) - first + 1 };
}

/** True when an entity-tag list (or "*") names `etag`; weak tags count only when `weak`. */
function listHas(list: string, etag: string, weak: boolean): boolean {
  if (list.trim() === "*") return true;
  for (const item of list.split(",")) {
    const tag = item.trim();
    if (tag === etag || (weak && tag === `W/${etag}`)) return true;
  }
  return false;
}
