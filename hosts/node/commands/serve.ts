import type { Command } from "commander";
import { CliError, systemCode } from "../errors.js";
import { printResult, printWarning } from "../render.js";
import { type RunningServer, startServer } from "../server.js";

export interface ServeOptions {
  readonly dir: string;
  readonly port: number;
  readonly host: string;
  readonly json?: boolean;
}

/**
 * Starts the update server. Throws CliError "dir-unusable", "dir-locked", "payload-missing",
 * "payload-mismatch" or "port-unusable".
 */
export async function serveDirectory(options: ServeOptions): Promise<RunningServer> {
  try {
    return await startServer({
      dir: options.dir,
      port: options.port,
      hostname: options.host,
      checksPayloads: true,
      onWarning: printWarning,
      onRequest: (line) => process.stderr.write(`${line}\n`),
    });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = systemCode(error);
    if (["EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "ENOTFOUND"].includes(code)) {
      throw new CliError(
        "port-unusable",
        `could not listen on ${options.host}:${options.port} (${code}); choose another --port`,
      );
    }
    throw new CliError(
      "dir-unusable",
      `could not serve ${options.dir} (${code || error}); name a folder that you may read`,
    );
  }
}

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("serve releases to devices, and take their reports")
    .requiredOption("--dir <folder>", "envelopes (*.suit) with their images beside them")
    .option("--port <number>", "0 lets the system choose", portOf, 8080)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ daruma serve --dir releases --port 8080
  $ curl http://127.0.0.1:8080/status
  $ daruma serve --dir releases --host 0.0.0.0     (reachable from the network)

Write {"device-id": "file.suit"} into releases/devices.json to hold a device at one release.
Reports are kept in releases/reports.jsonl.
`,
    )
    .action(async (options: ServeOptions) => {
      const server = await serveDirectory(options);
      printResult(
        { url: server.url, port: server.port },
        options.json === true,
        ({ url }) => `serving ${options.dir} at ${url} (status: ${url}/status); Ctrl-C ends it`,
      );
      const stop = (): void => void server.close();
      process.once("SIGINT", stop);
      process.once("SIGTERM", stop);
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw new CliError("usage", `--port ${text} is not a number from 0 to 65535`, 2);
}
