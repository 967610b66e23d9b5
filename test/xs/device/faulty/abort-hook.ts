/** Throws, after it asked to be told of it: the hook must hear why before the machine ends. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
export default function main(): void {
  hostOnAbort((reason, exception) => {
    hostPrint(`hook: ${reason}: ${exception instanceof Error ? exception.message : "unknown"}`);
    throw new Error("what a hook throws is ignored");
  });
  throw new Error("on purpose");
}
