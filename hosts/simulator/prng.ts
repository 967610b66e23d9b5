/**
 * The simulator's only source of chance: splitmix32, a 32-bit version of SplitMix (Steele, Lea,
 * Flood 2014) with MurmurHash3's finalizer. Same seed, same sequence, on every engine.
 */
export class Prng {
  /** The whole state; may be read and set to replay from a point. */
  state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** Next unsigned 32-bit number. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }

  /** Integer in [0, bound); `bound` is at most 2^32. */
  below(bound: number): number {
    return Math.floor((this.next() / 0x100000000) * bound);
  }
}
