/** Its hook returns false, after it said what `this` is: the SDK's machine goes on then. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
export default function main(): void {
  hostOnAbort(function (this: unknown, reason): false {
    hostPrint(`${reason}, called on the global: ${this === globalThis}`);
    return false;
  });
  Promise.reject(new Error("nobody"));
}
