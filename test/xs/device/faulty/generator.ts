/** A generator at module level: XS writes its state without asking, and it lies in flash. */
function* count(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

const numbers = count();

export default function main(): void {
  numbers.next();
}
