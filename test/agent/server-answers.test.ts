/** What the agent makes of the answers of servers, proxies and portals, one rule per test. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { WireRecord } from "../../hosts/simulator/network.js";
import { type NetworkFault, networkFault } from "../../hosts/simulator/network-faults.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";

const second = benchRelease({ sequenceNumber: 2 });
const large = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });

function started(faults: readonly NetworkFault[], release = second): Bench {
  const installed = benchRelease({ sequenceNumber: 1, image: benchImage(1, release.image.length) });
  const bench = new Bench({ installed }).settleFirst();
  bench.faults.plan(faults);
  bench.simulation.publish(release);
  return bench;
}

const requests = (bench: Bench, ending: string): WireRecord[] =>
  bench.simulation.wire().filter(({ path }) => path.endsWith(ending));

test("a report that a portal answers with 200 and a page is not taken as delivered", () => {
  const bench = started([networkFault("portal", { target: "report" })]);
  bench.untilTold(second);
  assert.equal(bench.told(second), ["updated: confirmed"]);
});

test("a report that meets one 404 is sent again", () => {
  const bench = started([networkFault("status", { target: "report" })]);
  bench.untilTold(second);
  assert.equal(bench.told(second), ["updated: confirmed"]);
});

test("a file host that takes no reports is asked for half a day, and updates go on", () => {
  for (const value of [400, 403, 404, 405, 501]) {
    const bench = started([networkFault("status", { target: "report", value, count: 1000 })]);
    bench.until(() => bench.attempt === null && bench.floor === 2, "release 2 without reports");
    bench.pass(900);
    const third = benchRelease({ sequenceNumber: 3 });
    bench.simulation.publish(third);
    bench.until(() => bench.attempt === null && bench.floor === 3, "release 3 without reports");
    // Three at once and twelve behind polls, which get rarer; nothing is kept after that.
    bench.pass(900);
    assert.is(requests(bench, "/reports").length, 1 + 15 + 15, `${value}`);
    assert.is(bench.simulation.keyValue.entries("daruma").has("result"), false);
  }
});

test("a result is told until it is answered, however long the server answers nothing", () => {
  const bench = started([]);
  bench.until(() => bench.floor === 2, "the confirm");
  bench.faults.plan([networkFault("refused", { target: "any", count: 120 })]);
  bench.until(() => bench.told(second).length > 0, "the answer", 48);
  assert.equal(bench.told(second), ["updated: confirmed"]);
  bench.assertPromises();
});

test("reports that alone are never answered hold up no update, and come when they are", () => {
  for (const behaviour of ["healthy", "fail-test"] as const) {
    for (const fault of [
      networkFault("mute", { target: "report", count: 1000 }),
      networkFault("status", { target: "report", value: 500, count: 1000 }),
      networkFault("busy", { target: "report", value: 86_400, count: 1000 }),
    ]) {
      const release = benchRelease({ sequenceNumber: 2, behaviour });
      const bench = new Bench().settleFirst();
      bench.faults.plan([fault]);
      bench.simulation.publish(release);
      const hasResult = (): boolean => bench.simulation.keyValue.entries("daruma").has("result");
      bench.until(() => hasResult() && bench.attempt === null, `${behaviour} ${fault.kind}`);
      // Power that fails daily, or each quarter of an hour, changes nothing.
      for (let boot = 0; boot < 4; boot++) {
        bench.powerCycle();
        bench.pass(15);
      }
      const third = benchRelease({ sequenceNumber: 3 });
      bench.simulation.publish(third);
      bench.until(() => bench.floor === 3 && bench.attempt === null, "the next update", 2);
      // Two results did not fit: the older one is lost, and counted.
      bench.faults.plan([]);
      bench.untilTold(third);
      assert.equal(bench.told(third), ["updated: confirmed"]);
      const wasHeard = fault.kind === "mute";
      assert.is(bench.resultsOf(third)[0].lostResults, wasHeard ? 0 : 1);
      bench.until(() => !hasResult(), "the result is forgotten", 2);
      bench.assertPromises(behaviour);
    }
  }
});

test("the pause that a server asks for before a report lasts an hour at most", () => {
  const bench = started([networkFault("busy", { target: "report", value: 86_400 })]);
  bench.until(() => bench.told(second).length > 0, "the report", 2);
  assert.equal(bench.told(second), ["updated: confirmed"]);
});

for (const kind of ["416-for-range", "wrong-range", "no-range"] as const) {
  test(`a server that answers each range with ${kind} is asked for the whole instead`, () => {
    const bench = started([networkFault("break", { value: 100_000 })], large);
    bench.until(() => bench.simulation.payloadBytes() > 60_000, "half of it");
    bench.faults.plan([
      networkFault("break", { value: 30_000 }),
      networkFault(kind, { from: 1, count: 1 }),
      networkFault("416-for-range", { from: 2, count: 1000 }),
    ]);
    const { flash } = bench.cost;
    bench.untilTold(large);
    assert.equal(bench.told(large), ["updated: confirmed"]);
    const blocks = 2 * Math.ceil(large.image.length / 4096);
    assert.ok(bench.cost.flash - flash < blocks + 20, "nothing is erased twice");
    bench.assertPromises();
  });
}

test("Retry-After of 503 and 429 is honoured for offers, payloads and reports", () => {
  for (const kind of ["busy", "flooded"] as const) {
    for (const target of ["offer", "payload", "report"] as const) {
      const bench = started([networkFault(kind, { target, value: 2400 })]);
      bench.untilTold(second);
      const hit = bench.simulation.wire().find(({ status }) => status === 503 || status === 429);
      const again = bench.simulation
        .wire()
        .find(({ atMs, method }) => atMs > (hit?.atMs ?? 0) && method === hit?.method);
      const pauseMs = (again?.atMs ?? 0) - (hit?.atMs ?? 0);
      assert.ok(pauseMs >= 2_400_000 && pauseMs < 2_500_000, `${kind}@${target}: ${pauseMs} ms`);
    }
  }
});

test("a busy server does not cost a good release its trial", () => {
  // The offers during the trial: the server is overloaded for its first 40 seconds.
  const bench = started([]);
  bench.until(() => bench.simulation.boots.length === 2, "the trial boot");
  bench.faults.plan([networkFault("busy", { target: "offer", value: 3600, count: 4 })]);
  bench.untilTold(second);
  assert.equal(bench.told(second), ["updated: confirmed"]);
});

test("an offer that is away for a moment does not end a download that is under way", () => {
  for (const kind of ["status", "replay"] as const) {
    const bench = started(
      [
        networkFault("break", { value: 100_000 }),
        networkFault(kind, { target: "offer", from: 1, count: 2 }),
      ],
      large,
    );
    bench.untilTold(large);
    assert.equal(bench.told(large), ["updated: confirmed"], kind);
  }
});

test("one older release that is replayed does not end a download that is under way", () => {
  const third = benchRelease({ sequenceNumber: 3, image: benchImage(3, 140_000) });
  const bench = started([networkFault("break", { value: 100_000 })], third);
  bench.until(() => bench.simulation.payloadBytes() >= 100_000, "the interruption");
  // Newer than what is installed, and good yesterday: a proxy has it still.
  const offers = requests(bench, "latest.suit").length;
  bench.simulation.withdraw(third.name);
  bench.simulation.publish(large);
  bench.until(() => requests(bench, "latest.suit").length > offers, "the older offer");
  bench.simulation.publish(third);
  bench.untilTold(third);
  assert.equal(bench.told(third), ["updated: confirmed"]);
  assert.equal(bench.told(large), []);
  bench.assertPromises();
});

test("an offer that breaks off is asked for again and not judged", () => {
  const bench = started([networkFault("break", { target: "offer", value: 50 })]);
  bench.untilTold(second);
  const refused = bench.simulation.reports().filter(({ result }) => result === "refused");
  assert.equal(refused, []);
});

test("204 means that there is no offer: it is asked again at the usual time", () => {
  const none = networkFault("status", { target: "offer", value: 204, count: 1000 });
  const bench = started([none]);
  const before = requests(bench, "latest.suit").length;
  // A poll each minute; tries that failed would be further and further apart.
  bench.pass(240);
  const polls = requests(bench, "latest.suit").length - before;
  assert.ok(polls >= 215 && polls <= 267, `${polls} polls in four hours`);
});

test("a release that is withdrawn during its download ends as withdrawn", () => {
  const bench = started([networkFault("break", { value: 100_000 })], large);
  bench.until(() => bench.simulation.payloadBytes() >= 100_000, "the interruption");
  bench.simulation.withdraw(large.name);
  bench.untilTold(large);
  assert.equal(bench.told(large), ["failed: withdrawn"]);
  assert.ok(bench.simulation.runs(bench.installed.image));
  bench.assertPromises();
});

test("a newer offer during a download supersedes it", () => {
  const bench = started([networkFault("break", { value: 100_000 })], large);
  bench.until(() => bench.simulation.payloadBytes() >= 100_000, "the interruption");
  const third = benchRelease({ sequenceNumber: 3, image: benchImage(3, 140_000) });
  bench.simulation.publish(third);
  bench.untilTold(third);
  assert.equal(bench.told(large), ["failed: superseded"]);
  assert.equal(bench.told(third), ["updated: confirmed"]);
  bench.assertPromises();
});

test("a redirect to a signed address of 900 characters is followed", () => {
  const bench = started([networkFault("redirect-long", { target: "payload", value: 900 })]);
  bench.untilTold(second);
  const paths = bench.simulation.wire().filter(({ path }) => path.includes(second.uri));
  assert.equal(
    paths.map(({ path, status }) => [status, path.length > 800]),
    [
      [307, false],
      [200, true],
    ],
  );
});

test("a redirect to another host is followed, over http only", () => {
  const bench = started([networkFault("redirect-host", { target: "payload" })]);
  bench.untilTold(second);
  const hosts = bench.simulation.wire().filter(({ path }) => path.endsWith(second.uri));
  assert.equal(
    hosts.map(({ hostname }) => hostname),
    ["updates.example.com", "cdn.example.net"],
  );
});

test("redirects that loop end after three, and are tried again later", () => {
  const bench = started([networkFault("redirect", { target: "payload", count: 12 })]);
  bench.untilTold(second);
  const paths = bench.simulation.wire().filter(({ path }) => path.includes(second.uri));
  assert.is(paths.length, 12 + 1);
  const [first, , , fourth, fifth] = paths.map(({ atMs }) => atMs);
  assert.ok(fourth - first < 1000, "one chain of four requests");
  assert.ok(fifth - fourth >= 500, "then a pause");
});

test("tries without progress are counted, each fourth in the journal, and end at 16", () => {
  const bench = started([networkFault("break", { value: 2000, count: 1000 })]);
  bench.until(() => (bench.attempt?.tries ?? 0) === 4, "four tries");
  bench.simulation.board.cutPower();
  bench.untilTold(second);
  assert.equal(bench.told(second), ["failed: download-failed"]);
  assert.is(requests(bench, second.uri).length, 16, "the power cut gives no new tries");
  bench.assertPromises();
});

test("the pause grows while nothing is gained, and begins anew with each 64 KB", () => {
  // 66 000 bytes at a time: each try gains 64 KB, so no pause may be a long one.
  const huge = benchRelease({ sequenceNumber: 2, image: benchImage(2, 1_000_000) });
  const bench = started([networkFault("break", { value: 66_000, count: 1000 })], huge);
  bench.untilTold(huge);
  const times = requests(bench, huge.uri).map(({ atMs }) => atMs);
  const pauses = times.slice(1).map((atMs, i) => atMs - times[i]);
  assert.is(bench.told(huge).at(-1), "updated: confirmed");
  assert.ok(Math.max(...pauses) < 10_000, `longest pause ${Math.max(...pauses)} ms`);
});

test.run();
