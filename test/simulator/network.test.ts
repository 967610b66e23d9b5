/** One network for every simulation: the host's guarded client over sockets with one window. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Network } from "../../hosts/simulator/network.js";
import { World } from "../../hosts/simulator/world.js";
import { limits } from "../../src/limits.js";
import { bytesBody } from "../../src/server/body.js";
import { simulated, update } from "../helpers/simulated.js";

test("answers come in lwIP's window, the first one with the head in it", () => {
  const world = new World();
  const image = Uint8Array.from({ length: 20_000 }, (_, at) => at * 7);
  const headers = new Map([["content-length", "20000"]]);
  const network = new Network(world, {
    handler: () => ({ status: 200, headers, body: bytesBody(image) }),
  });
  const Client = network.clientClass(
    (callback) => callback(),
    () => true,
  );
  const announced: number[] = [];
  const got: number[] = [];
  const into = new Uint8Array(8192);
  let done: unknown = "not yet";
  new Client({ host: "updates.example.com", port: 80 }).request({
    method: "GET",
    path: "/image",
    headers: new Map(),
    onHeaders: () => undefined,
    onReadable(count) {
      announced.push(count);
      const length = this.read(into) ?? 0;
      for (let i = 0; i < length; i++) got.push(into[i]);
    },
    onDone: (error) => {
      done = error;
    },
  });
  for (let event = world.take(); event !== null; event = world.take()) event.run();
  assert.is(done, null);
  const head = "HTTP/1.1 200 Status\r\ncontent-length: 20000\r\n\r\n".length;
  assert.equal(announced, [5744 - head, 5744, 5744, 20_000 - 3 * 5744 + head]);
  assert.equal(Uint8Array.from(got), image);
  assert.is(network.records[0].bodyBytes, 20_000);
});

test("a head beyond the guard's limit ends the exchange in any simulation", () => {
  const heads = [limits.headBytesMax + 1, 100];
  let at = 0;
  const simulation = simulated({
    intercept: (request, delivery) => {
      if (!request.path.includes(".bin") || at >= heads.length) return;
      delivery.response.headers.set("x", "y".repeat(heads[at++]));
    },
  });
  assert.is(update(simulation).report?.result, "updated");
  const read = simulation.wire().filter(({ path }) => path.includes(".bin"));
  assert.is(read[0].bodyBytes, 0);
  assert.ok(read[1].bodyBytes > 0);
});

test("an answer without a length is chunked, and the device takes no byte of it", () => {
  let left = 1;
  const simulation = simulated({
    intercept: (request, delivery) => {
      if (!request.path.includes(".bin") || left-- <= 0) return;
      delivery.response.headers.delete("content-length");
    },
  });
  assert.is(update(simulation).report?.result, "updated");
  const read = simulation.wire().filter(({ path }) => path.includes(".bin"));
  assert.is(read[0].bodyBytes, 0);
  assert.ok(read.length > 1);
});

test.run();
