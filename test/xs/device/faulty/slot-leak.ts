/** Keeps small objects: the slots run out, not the chunks. */
export default function main(): void {
  const kept: object[] = [];
  while (kept.length < 4000) kept.push({ a: 1, b: 2 });
}
