/** The few URL forms the agent needs: http origin with a base path, and references against it. */
import { uriBytesMax } from "../limits.js";

/** Where a request goes. `path` starts with "/". */
export interface HttpTarget {
  readonly hostname: string;
  readonly port: number;
  readonly path: string;
}

const scheme = "http://";

/** Splits an absolute http URL; null for anything else (https needs a TLS host, see Http). */
export function parseHttpUrl(url: string, bytesMax = uriBytesMax): HttpTarget | null {
  if (url.length > bytesMax || !url.startsWith(scheme)) return null;
  const slash = url.indexOf("/", scheme.length);
  const authority = url.substring(scheme.length, slash < 0 ? url.length : slash);
  const path = slash < 0 ? "/" : url.substring(slash);
  const colon = authority.indexOf(":");
  const hostname = colon < 0 ? authority : authority.substring(0, colon);
  const port = colon < 0 ? 80 : decimal(authority.substring(colon + 1));
  // User information would send a secret in clear text; RFC 9110 4.2.4.
  if (hostname === "" || authority.indexOf("@") >= 0 || port < 1 || port > 65535) return null;
  return isPrintable(url) ? { hostname, port, path } : null;
}

/**
 * Resolves `reference` against `base` (RFC 3986 5.2, without dot segments); null if unsupported or
 * longer than `bytesMax`.
 */
export function resolveUri(
  base: HttpTarget,
  reference: string,
  bytesMax = uriBytesMax,
): HttpTarget | null {
  if (reference === "" || reference.length > bytesMax || !isPrintable(reference)) return null;
  if (reference.startsWith(scheme)) return parseHttpUrl(reference, bytesMax);
  if (reference.startsWith("//") || hasScheme(reference) || hasDotSegment(reference)) return null;
  const path = reference.startsWith("/")
    ? reference
    : base.path.substring(0, base.path.lastIndexOf("/") + 1) + reference;
  return { hostname: base.hostname, port: base.port, path };
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

function hasDotSegment(reference: string): boolean {
  return (
    reference.startsWith("../") || reference.startsWith("./") || reference.indexOf("/../") >= 0
  );
}

/** Visible ASCII only: a space or a control character could split a request line. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return true;
}
