/** State at module level: in flash once preloaded, so writing it must fail. */
const scratch = new Uint8Array(16);

export default function main(): void {
  scratch[0] = 1;
  scratch.set([1, 2, 3]);
}
