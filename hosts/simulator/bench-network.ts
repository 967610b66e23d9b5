/** The network of one boot on a bench: the real server behind it, the checkers beside it. */
import { type ServerRequest, UpdateServer } from "../../src/server/handler.js";
import { decodeReport } from "../../src/server/report.js";
import type { BenchStore } from "./bench-store.js";
import type { Checkers } from "./checkers.js";
import { Network } from "./network.js";
import type { BenchOptions, Rest } from "./rest.js";
import type { World } from "./world.js";

/** `reported` is called after each report that the server took. */
export function benchNetwork(
  world: World,
  rest: Rest,
  store: BenchStore,
  checkers: Checkers,
  options: BenchOptions,
  reported: () => void,
): Network {
  const { natives, intercept } = options;
  const nowMs = (): number => world.nowMs;
  const server = new UpdateServer(store, natives.digestFactory, { nowMs, decodeReport });
  const network = new Network(world, {
    handler: (request) => {
      checkResume(request, rest, network, checkers);
      const response = server.handle(request);
      if (request.method === "POST") {
        reported();
        const report = decodeReport(request.body);
        if (report !== null) checkers.delivered(report, store.received);
      }
      return response;
    },
    ...(intercept === undefined ? {} : { intercept }),
  });
  return network;
}

/** P9: a download goes on within its own payload; bytes of another one would be all in vain. */
function checkResume(
  { path, headers }: ServerRequest,
  rest: Rest,
  network: Network,
  checkers: Checkers,
): void {
  const range = headers.get("range");
  if (range === undefined) return;
  let haveBytes = rest.fetched.get(path) ?? 0;
  for (const record of network.records) if (record.path === path) haveBytes += record.bodyBytes;
  const from = Number(range.slice("bytes=".length, -1));
  if (from > haveBytes) checkers.foreignResume(path, from, haveBytes);
}
