/** Keeps every buffer it makes: must end the machine with "memory full". */
export default function main(): void {
  const kept: Uint8Array[] = [];
  while (kept.length < 1000) kept.push(new Uint8Array(4096));
}
