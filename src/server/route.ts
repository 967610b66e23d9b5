/** From a request's path to what is meant by it. Refuses before anything is looked up. */

/** What a path asks for. `vendor` and `deviceClass` are the names that the operator gave. */
export type Route =
  | { readonly kind: "reports"; readonly vendor: string; readonly deviceClass: string }
  | {
      readonly kind: "offer";
      readonly vendor: string;
      readonly deviceClass: string;
      /** The profile that the name asks for ("latest.2.suit"); null when it names none. */
      readonly profile: number | null;
    }
  | {
      readonly kind: "payload";
      readonly vendor: string;
      readonly deviceClass: string;
      /** Relative path below the class, "/" between parts, each part checked. */
      readonly uriPath: string;
    }
  | { readonly kind: "status" | "status-json" }
  | { readonly kind: "unknown" | "bad" };

const pathCharsMax = 512;
const partsMax = 8;

/** A profile number as names and headers write it; null for anything else. */
export function profileOf(text: string): number | null {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null;
}

/** Reads the path of a request; a query is ignored, as a static file host would. */
export function routeOf(target: string): Route {
  if (target.length > pathCharsMax || !target.startsWith("/")) return { kind: "bad" };
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  if (path === "/status") return { kind: "status" };
  if (path === "/status.json") return { kind: "status-json" };
  if (path === "/") return { kind: "unknown" };
  const parts: string[] = [];
  for (const raw of path.slice(1).split("/")) {
    const part = decodePart(raw);
    if (part === null || parts.length === partsMax) return { kind: "bad" };
    parts.push(part);
  }
  if (parts.length < 3) return { kind: "unknown" };
  const [vendor, deviceClass, ...rest] = parts;
  const uriPath = rest.join("/");
  if (uriPath === "latest.suit") return { kind: "offer", vendor, deviceClass, profile: null };
  // As files lie on a static host: one for the first agents, one for each later profile.
  const profile = profileOf(/^latest\.([^/]+)\.suit$/.exec(uriPath)?.[1] ?? "");
  if (profile !== null) return { kind: "offer", vendor, deviceClass, profile };
  if (uriPath === "reports") return { kind: "reports", vendor, deviceClass };
  return { kind: "payload", vendor, deviceClass, uriPath };
}

/**
 * True for a name that can stand between two slashes: printable ASCII, no separator of any system,
 * no leading dot (so neither "..", nor hidden files), no drive or stream colon.
 */
export function isSafePart(part: string): boolean {
  return /^[\x20-\x7e]+$/.test(part) && !/^\.|[/\\:%]/.test(part);
}

/** Decodes once; what still holds a "%" afterwards was encoded twice and is refused. */
function decodePart(raw: string): string | null {
  try {
    const part = decodeURIComponent(raw);
    return isSafePart(part) ? part : null;
  } catch {
    return null;
  }
}
