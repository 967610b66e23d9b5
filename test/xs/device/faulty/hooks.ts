/** Sets a hook more than once: the last one is called. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
export default function main(): void {
  hostOnAbort(undefined as never);
  hostOnAbort(() => hostPrint("the first hook"));
  hostOnAbort(() => hostPrint("the last hook"));
  hostCollect();
  throw new Error("on purpose");
}
