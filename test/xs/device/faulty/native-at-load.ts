/** Calls a native function while it is preloaded, which happens on the desk: it must fail. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
const digest = digestOpen("SHA256");

export default function main(): number {
  return digest;
}
