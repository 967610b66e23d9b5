import type { Command } from "commander";
import { hex } from "../../../src/bytes.js";
import { CliError, systemCode } from "../errors.js";
import { printResult, printWarning, renderServe } from "../render.js";
import { type RunningServer, startServer } from "../server.js";

export interface ServeResult {
  readonly dir: string;
  readonly url: string;
  readonly port: number;
  /**
   * The newest release of each class, and of older profiles of it; others are offered to devices
   * that are pinned to them.
   */
  readonly offers: readonly {
    readonly file: string;
    readonly classId: string;
    readonly profile: number;
    readonly sequenceNumber: number;
    readonly versionText: string | null;
  }[];
}

export interface ServeOptions {
  readonly dir: string;
  readonly port: number;
  readonly host: string;
  readonly json?: boolean;
}

/**
 * Starts the update server. Throws CliError "dir-unusable", "dir-locked", "payload-missing",
 * "payload-mismatch", "host-unusable" or "port-unusable".
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
    if (["ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL", "EINVAL"].includes(code)) {
      throw new CliError(
        "host-unusable",
        `--host ${options.host} is no address of this machine (${code}); name one, for example ` +
          "127.0.0.1, or 0.0.0.0 for all of them",
      );
    }
    if (["EADDRINUSE", "EACCES"].includes(code)) {
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

Envelopes and images can be added while it runs; one is offered once its image is there.
Write {"device-id": "file.suit"} into releases/devices.json to hold a device at one release.
Reports are kept in releases/reports.jsonl.
`,
    )
    .action(async (options: ServeOptions) => {
      const server = await serveDirectory(options);
      const offers = server.offers().map(({ name, info }) => ({
        file: name,
        classId: hex(info.classId),
        profile: info.profile,
        sequenceNumber: info.sequenceNumber,
        versionText: info.versionText,
      }));
      const result = { dir: options.dir, url: server.url, port: server.port, offers };
      printResult(result, options.json === true, renderServe);
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
