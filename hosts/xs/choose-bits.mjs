// Which machine the XS host is built as: an ESP32 has 32 bits, and budgets are judged in one of 32
// where gcc can build it. Apart from build.mjs, so that every answer can be tested on any machine.

/**
 * Returns 32 or 64. `asked` is the text of XS_BITS, undefined when it is not set; `canBuild32` is
 * only called when the answer depends on it. Throws when what was asked for cannot be had: a build
 * that quietly is another one would prove nothing.
 */
export function chooseBits(asked, canBuild32) {
  if (asked === "64") return 64;
  if (asked !== undefined && asked !== "32") {
    throw new Error(
      `XS_BITS is "${asked}"; it must be 32 or 64: leave it out for 32 where gcc can build that`,
    );
  }
  if (canBuild32()) return 32;
  if (asked === undefined) return 64;
  throw new Error(
    "XS_BITS is 32, but gcc cannot build for 32 bits (Debian: apt-get install gcc-multilib)",
  );
}
