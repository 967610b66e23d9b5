import type { Command } from "commander";
import { generateKeys } from "../keys.js";
import { printResult, renderKeygen } from "../render.js";

export function registerKeygen(program: Command): void {
  program
    .command("keygen")
    .description("make the Ed25519 key pair that signs releases")
    .requiredOption("--out <dir>", "folder for release.key.pem and release.pub.pem")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma keygen --out keys
  $ openssl genpkey -algorithm ed25519 -out release.key.pem    (works the same)
`,
    )
    .action((options: { out: string; json?: boolean }) => {
      const { privateKeyPath, publicKeyPath } = generateKeys(options.out);
      printResult({ privateKeyPath, publicKeyPath }, options.json === true, renderKeygen);
    });
}
