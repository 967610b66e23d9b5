/** Never ends, while it is preloaded. */
let sum = 0;
while (sum >= 0) sum = (sum + 1) & 7;

export default function main(): number {
  return sum;
}
