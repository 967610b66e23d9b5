/** The network of one boot on a bench: the real server behind it, the checkers beside it. */
import { type ServerRequest, UpdateServer } from "../../src/server/handler.js";
import { decodeReport } from "../../src/server/report.js";
import type { Bench } from "./bench.js";
import type { BenchStore } from "./bench-store.js";
import type { Checkers } from "./checkers.js";
import { Network, withoutQuery } from "./network.js";
import type { Rest } from "./rest.js";
import type { World } from "./world.js";

/** `reported` is called after each report that the server took. */
export function benchNetwork(
  world: World,
  rest: Rest,
  store: BenchStore,
  bench: Pick<Bench, "options" | "checkers" | "network" | "device">,
  reported: () => void,
): Network {
  const { checkers } = bench;
  const { natives } = bench.options;
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
    intercept: bench.network.intercept,
    device: bench.device,
    beganMs: rest.atMs,
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
  // A redirected answer is the same payload's, under another path.
  const plain = withoutQuery(path);
  let haveBytes = 0;
  for (const [name, bytes] of rest.fetched) if (withoutQuery(name) === plain) haveBytes += bytes;
  for (const record of network.records) {
    if (withoutQuery(record.path) === plain) haveBytes += record.bodyBytes;
  }
  const from = Number(range.slice("bytes=".length, -1));
  if (from > haveBytes) checkers.foreignResume(path, from, haveBytes);
}
