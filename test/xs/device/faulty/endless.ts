/** Never ends. */
export default function main(): void {
  for (let i = 0; ; i = (i + 1) & 7);
}
