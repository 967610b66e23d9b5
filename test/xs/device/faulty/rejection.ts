/** A rejected promise that nobody handles. */
export default function main(): void {
  Promise.reject(new Error("nobody"));
}
