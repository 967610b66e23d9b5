/** Calls every native function while it is preloaded: none may work. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
function refusalOf(call: () => unknown): string {
  try {
    call();
    return "worked";
  } catch (error) {
    return (error as Error).message;
  }
}

const bytes = new Uint8Array(4);
const answers = Object.freeze([
  refusalOf(() => boardCall(0, 0, 0)),
  refusalOf(() => boardBytes(0, 0, 0)),
  refusalOf(() => boardText(0, 0, 0)),
  refusalOf(() => digestOpen("SHA256")),
  refusalOf(() => digestFeed(0, bytes)),
  refusalOf(() => digestEnd(0)),
  refusalOf(() => hostMark("load")),
  refusalOf(() => hostPrint("printed")),
  refusalOf(() => hostPrintBytes(bytes)),
  refusalOf(() => hostCollect()),
  refusalOf(() => hostOnAbort(() => undefined)),
]);

export default function main(): void {
  for (const answer of answers) hostPrint(answer);
}
