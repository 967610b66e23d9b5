/** The few URL forms the agent needs: http origin with a base path, and references against it. */
import type { HttpScheme } from "../hal.js";
import { limits } from "../limits.js";

/** Where a request goes. `path` starts with "/". */
export interface HttpTarget {
  readonly scheme: HttpScheme;
  readonly hostname: string;
  readonly port: number;
  readonly path: string;
}

/**
 * Splits an absolute URL of `scheme`; null for anything else. A host speaks one scheme only (Http),
 * so no redirect and no manifest leads from https to http.
 */
export function parseHttpUrl(
  url: string,
  scheme: HttpScheme,
  bytesMax: number = limits.uriBytesMax,
): HttpTarget | null {
  const start = scheme.length + 3;
  if (url.length > bytesMax || !url.startsWith(`${scheme}://`)) return null;
  const slash = url.indexOf("/", start);
  const authority = url.substring(start, slash < 0 ? url.length : slash);
  const path = slash < 0 ? "/" : url.substring(slash);
  const colon = authority.indexOf(":");
  const hostname = colon < 0 ? authority : authority.substring(0, colon);
  const port =
    colon < 0 ? (scheme === "https" ? 443 : 80) : decimal(authority.substring(colon + 1));
  // User information would send a secret in clear text; RFC 9110 4.2.4.
  if (!isHostname(hostname) || port < 1 || port > 65535) return null;
  return isPrintable(url) ? { scheme, hostname, port, path } : null;
}

/**
 * Resolves `reference` against `base` (RFC 3986 5.2, without dot segments); null if unsupported or
 * longer than `bytesMax`.
 */
export function resolveUri(
  base: HttpTarget,
  reference: string,
  bytesMax: number = limits.uriBytesMax,
): HttpTarget | null {
  if (reference === "" || reference.length > bytesMax || !isPrintable(reference)) return null;
  if (reference.startsWith(`${base.scheme}://`)) {
    return parseHttpUrl(reference, base.scheme, bytesMax);
  }
  if (reference.startsWith("//") || hasScheme(reference) || hasDotSegment(reference)) return null;
  const path = reference.startsWith("/")
    ? reference
    : base.path.substring(0, base.path.lastIndexOf("/") + 1) + reference;
  return { ...base, path };
}

/** The server that a request goes to: a host of ours has one scheme only. */
export function hostOf(target: HttpTarget): string {
  return `${target.hostname}:${target.port}`;
}

/** Value of a decimal number; -1 for anything else. */
export function decimal(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function hasScheme(reference: string): boolean {
  const colon = reference.indexOf(":");
  const slash = reference.indexOf("/");
  return colon >= 0 && (slash < 0 || colon < slash);
}

/** Letters, digits, "-" and ".": also keeps user information, queries and backslashes out. */
function isHostname(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isAlphanumeric(code) && code !== 0x2d && code !== 0x2e) return false;
  }
  return text.length > 0;
}

/** ASCII letters and digits. */
export function isAlphanumeric(code: number): boolean {
  const isLetter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
  return isLetter || (code >= 0x30 && code <= 0x39);
}

/** True when a segment of the path is "." or "..": servers resolve those in their own ways. */
function hasDotSegment(reference: string): boolean {
  const padded = `/${reference}/`;
  return padded.indexOf("/./") >= 0 || padded.indexOf("/../") >= 0;
}

/** Visible ASCII only: a space or a control character could split a request line. */
export function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}
