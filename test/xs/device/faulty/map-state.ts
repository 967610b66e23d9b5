/** A cache at module level: in flash once preloaded, so writing it must fail. */
const cache = new Map<string, number>();

export default function main(): void {
  cache.set("a", 1);
}
