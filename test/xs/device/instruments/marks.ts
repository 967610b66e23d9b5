/** Makes 3 names, then holds 100 objects of two slots and a buffer of 1000 bytes for a while. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />

/** A phase of nothing but one collection: what is live. */
function live(phase: string): void {
  hostMark("between");
  hostCollect();
  hostMark(phase);
}

export default function main(): void {
  live("start");
  const record: Record<string, number> = {};
  for (let i = 0; i < 3; i++) record[`name ${i}`] = i;
  live("names");
  let list: object | null = null;
  for (let i = 0; i < 100; i++) list = { list };
  live("slots");
  let bytes: Uint8Array | null = new Uint8Array(1000);
  live("bytes");
  hostMark("between");
  hostCollect();
  list = null;
  bytes = null;
  hostCollect();
  hostMark("peak");
  live("dropped");
  if (list !== null || bytes !== null || record["name 1"] !== 1) throw new Error("not kept");
}
