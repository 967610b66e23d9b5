/** Calls itself as deep as its input says: must end the machine with "stack overflow". */
function depth(levels: number): number {
  return levels === 0 ? 0 : 1 + depth(levels - 1);
}

export default function main(): void {
  depth(1000);
}
