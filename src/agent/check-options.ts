/** Options are checked when the agent is made: a wrong one must show at the desk. */
import type { HttpScheme } from "../hal.js";
import { limits } from "../limits.js";
import {
  type AgentOptions,
  checkBootOptions,
  checkDuration,
  pollIntervalMsMax,
} from "./options.js";
import { type HttpTarget, isAlphanumeric, parseHttpUrl } from "./url.js";

const nameCharsMax = 64;

/** Checks all options; returns where offers come from. Throws RangeError with the option's name. */
export function checkOptions(options: AgentOptions, scheme: HttpScheme): HttpTarget[] {
  checkBootOptions(options);
  checkDuration(options, "pollIntervalMs", 1000, pollIntervalMsMax);
  checkDuration(options, "stallTimeoutMs", 1);
  // JavaScript and a build's configuration may leave out what the types demand.
  checkName("vendor", options.vendor ?? "");
  checkName("deviceClass", options.deviceClass ?? "");
  const anchors = options.trustAnchors ?? [];
  const isUsable = anchors.length >= 1 && anchors.length <= limits.trustAnchorsMax;
  if (!isUsable || anchors.some((key) => key?.length !== 32)) {
    throw new RangeError("trustAnchors must be 1 to 8 raw Ed25519 public keys of 32 bytes");
  }
  const servers = [options.serverUrl].flat();
  const targets: HttpTarget[] = [];
  for (let i = 0; i < servers.length; i++) {
    const url = `${servers[i]}`;
    const base = url.endsWith("/") ? url : `${url}/`;
    const target = parseHttpUrl(`${base}${options.vendor}/${options.deviceClass}/`, scheme);
    if (target !== null && url.indexOf("?") < 0 && url.indexOf("#") < 0) targets.push(target);
  }
  const count = targets.length;
  if (count >= 1 && count <= limits.serversMax && count === servers.length) return targets;
  throw new RangeError(`serverUrl must be ${scheme}://host[:port][/base], or 1 to 4 of them`);
}

/** Both names are parts of a path: letters, digits, ".", "_" and "-", as `daruma pack` demands. */
function checkName(name: string, text: string): void {
  let isUsable = text.length > 0 && text.length <= nameCharsMax && text[0] !== ".";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    isUsable &&= isAlphanumeric(code) || code === 0x2d || code === 0x2e || code === 0x5f;
  }
  if (!isUsable) {
    throw new RangeError(`${name} must be 1 to 64 letters, digits, ".", "_" and "-"`);
  }
}
