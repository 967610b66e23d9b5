/** The seed of a test run, printed with what it decides: SEED=123 npm test; 1 if none is given. */

const given = Number(process.env.SEED);
export const seed: number = given > 0 ? given : 1;

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomBytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}
