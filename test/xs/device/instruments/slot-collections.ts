/** Drops small buffers: the slots run out again and again, the chunks never. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
export default function main(): void {
  hostMark("start");
  let length = 0;
  for (let i = 0; i < 2000; i++) length += new Uint8Array(20).length;
  hostCollect();
  hostMark("dropped");
  if (length !== 40_000) throw new Error("not made");
}
