/** Property names out of data, which are never released. */
export default function main(): void {
  const record: Record<string, number> = {};
  for (let i = 0; i < 3000; i++) record[`name${i}`] = i;
}
