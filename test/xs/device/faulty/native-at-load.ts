/**
 * Calls a native function while it is loaded: modules are preloaded on the desk, so it must fail.
 */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
const digest = digestOpen("SHA256");

export default function main(): number {
  return digest;
}
