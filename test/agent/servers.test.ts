/** Several update servers: which one is asked when, and what is told of the connection. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type NetworkFaultKind,
  networkFault,
  networkFaultKinds,
  parseNetworkFault,
  printNetworkFault,
} from "../../hosts/simulator/network-faults.js";
import { Prng } from "../../hosts/simulator/prng.js";
import type { SimulatedRelease } from "../../hosts/simulator/simulation.js";
import type { Progress } from "../../src/agent/options.js";
import { Bench, benchImage, benchRelease } from "../helpers/bench.js";
import { seed as firstSeed } from "../helpers/seed.js";

const test = suite("agent/servers");

const first = "a.example.com";
const second = "b.example.com";
const third = "c.example.net";
const dayMs = 86_400_000;
const always = 1_000_000_000;

/** A device with servers `hosts`, and what it is told of the connection. */
class Fleet extends Bench {
  readonly connections: string[];

  constructor(hosts: readonly string[] = [first, second], imageBytes = 20_000) {
    const told: string[] = [];
    super({
      installed: benchRelease({ sequenceNumber: 1, image: benchImage(1, imageBytes) }),
      agent: {
        serverUrl: hosts.map((host) => `http://${host}`),
        onProgress: ({ connection }: Progress) => {
          if (connection !== told.at(-1)) told.push(connection);
        },
      },
    });
    this.connections = told;
  }

  /** From now on `host` fails so, for good or for so many requests. */
  fails(...faults: readonly [host: string, kind: NetworkFaultKind, count?: number][]): void {
    this.faults.plan(
      faults.map(([host, kind, count]) =>
        networkFault(kind, { host, count: count ?? always, target: "any" }),
      ),
    );
  }

  /** Lines of the log about the connection. */
  get logged(): string[] {
    return this.simulation.timeline
      .map(({ text }) => text)
      .filter((text) => text.startsWith("connection: "));
  }

  /** Hosts that were asked for this since `fromMs`, in order. */
  asked(what: string, fromMs = 0): string[] {
    return this.simulation
      .wire()
      .filter(({ path, atMs }) => path.includes(what) && atMs >= fromMs)
      .map(({ hostname }) => hostname);
  }

  get nowMs(): number {
    return this.simulation.world.nowMs;
  }
}

const next = (): SimulatedRelease => benchRelease({ sequenceNumber: 2 });

test("a fault of one host is printed and read", () => {
  const fault = networkFault("refused", { host: "b2.example-x.net", count: 9 });
  assert.is(printNetworkFault(fault), "net:b2.example-x.net/refusedx9");
  assert.equal(parseNetworkFault("net:b2.example-x.net/refusedx9"), fault);
  assert.equal(parseNetworkFault("net:refused"), networkFault("refused"));
});

for (const kind of ["refused", "mute", "lost-answer", "busy", "portal", "huge-headers"] as const) {
  test(`first server for days ${kind}: the update arrives through the second`, () => {
    const fleet = new Fleet().settleFirst() as Fleet;
    fleet.fails([first, kind]);
    fleet.pass(3 * 24 * 60);
    const fromMs = fleet.nowMs;
    fleet.install(next());
    assert.equal(fleet.told(next()), ["updated: confirmed"]);
    assert.not(fleet.asked(".bin", fromMs).includes(first));
    fleet.assertPromises(kind);
  });
}

test("each poll asks each server once before it pauses", () => {
  const fleet = new Fleet([first, second, third]).settleFirst() as Fleet;
  fleet.fails(["", "refused"]);
  const fromMs = fleet.nowMs;
  fleet.pass(6 * 60);
  const offers = fleet.simulation.wire().filter(({ path, atMs }) => {
    return path.endsWith("latest.suit") && atMs >= fromMs;
  });
  assert.ok(offers.length > 30);
  for (let i = 0; i + 3 <= offers.length; i += 3) {
    const round = offers.slice(i, i + 3);
    assert.is(new Set(round.map(({ hostname }) => hostname)).size, 3, `round ${i / 3}`);
    const spanMs = round[2].atMs - round[0].atMs;
    assert.ok(spanMs < 4000, `no pause within a round: ${spanMs} ms`);
  }
});

test("one that answers is stayed with; the first is asked again once a day", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.fails([first, "refused"]);
  const fromMs = fleet.nowMs;
  fleet.pass(5 * 24 * 60);
  const days = (fleet.nowMs - fromMs) / dayMs;
  const asked = fleet.asked("latest.suit", fromMs);
  const firsts = asked.filter((host) => host === first).length;
  assert.ok(firsts >= days - 1 && firsts <= days + 1, `${firsts} times in ${days} days`);
  fleet.faults.plan([]);
  fleet.pass(24 * 60 + 2);
  assert.is(fleet.asked("latest.suit").at(-1), first, "and it is stayed with again");
});

test("that there is no offer is an answer: the next server is not asked", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.fails([first, "status"]);
  const fromMs = fleet.nowMs;
  fleet.pass(60);
  assert.equal([...new Set(fleet.asked("latest.suit", fromMs))], [first]);
});

test("the first server dies during the trial: the update is confirmed through the second", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.simulation.publish(next());
  fleet.until(() => fleet.simulation.runs(next().image), "the trial");
  fleet.fails([first, "refused"]);
  fleet.untilTold(next());
  fleet.pass(5);
  assert.equal(fleet.told(next()), ["updated: confirmed"]);
  assert.is(fleet.simulation.board.boots, 2);
  assert.is(fleet.asked("/reports").at(-1), second, "told to the one that answered");
  fleet.assertPromises();
});

for (const kind of ["status", "portal", "mute"] as const) {
  test(`in a trial a first server that answers "${kind}" is not the last word`, () => {
    const fleet = new Fleet().settleFirst() as Fleet;
    fleet.simulation.publish(next());
    fleet.until(() => fleet.simulation.runs(next().image), "the trial");
    fleet.fails([first, kind]);
    fleet.untilTold(next());
    fleet.pass(5);
    assert.equal(fleet.told(next()), ["updated: confirmed"]);
  });
}

test("a trial that reaches none of the servers is not confirmed", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.simulation.publish(next());
  fleet.until(() => fleet.simulation.runs(next().image), "the trial");
  fleet.fails([first, "refused"], [second, "portal"]);
  fleet.until(() => fleet.simulation.runs(fleet.installed.image), "the way back");
  fleet.faults.plan([]);
  fleet.untilTold(next());
  assert.equal(fleet.told(next()), ["failed: server-unreachable"]);
});

test("a forged offer of the first server does not keep the offer of the second back", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  // What the first answers with is not signed.
  fleet.fails([first, "portal"]);
  fleet.simulation.publish(next());
  fleet.untilTold(next());
  assert.equal(fleet.told(next()), ["updated: confirmed"]);
  const refusals = fleet.simulation.reports().filter(({ result }) => result === "refused");
  assert.is(refusals.length, 0);
});

test("a download goes on from the second server where the first one's payload is gone", () => {
  const fleet = new Fleet([first, second], 140_000).settleFirst() as Fleet;
  const release = benchRelease({ sequenceNumber: 2, image: benchImage(2, 140_000) });
  // The first breaks in the middle, once, and has no payload from then on.
  fleet.faults.plan([
    networkFault("break", { host: first, value: 70_000 }),
    networkFault("status", { host: first, target: "payload", from: 1, count: always }),
  ]);
  const fromMs = fleet.nowMs;
  fleet.simulation.publish(release);
  fleet.untilTold(release);
  assert.equal(fleet.told(release), ["updated: confirmed"]);
  assert.equal(fleet.asked(".bin", fromMs), [first, first, second]);
  const ranges = fleet.simulation
    .wire()
    .filter(({ path, atMs }) => path.endsWith(".bin") && atMs >= fromMs)
    .map(({ headers }) => headers.get("range") ?? "");
  assert.equal(ranges, ["", "bytes=69632-", "bytes=69632-"]);
  fleet.assertPromises();
});

test("a download is not withdrawn while one of the servers offers its release", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  const release = next();
  fleet.faults.plan([
    // The second has never heard of the release.
    networkFault("status", { host: second, target: "offer", count: always }),
    networkFault("lost-answer", { host: first, target: "payload", count: 8 }),
  ]);
  fleet.simulation.publish(release);
  fleet.untilTold(release);
  assert.equal(fleet.told(release), ["updated: confirmed"]);
  fleet.assertPromises();
});

test("wrong bytes of the first server are fetched from the second", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  const release = next();
  fleet.faults.plan([networkFault("other-content", { host: first, count: always })]);
  fleet.simulation.publish(release);
  fleet.untilTold(release);
  assert.equal(fleet.told(release), ["updated: confirmed"]);
});

test("a result finds the server that takes it, in any order", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  const release = next();
  fleet.faults.plan([networkFault("status", { host: first, target: "report", count: always })]);
  fleet.simulation.publish(release);
  fleet.untilTold(release);
  assert.equal(fleet.told(release), ["updated: confirmed"]);
  assert.is(fleet.asked("/reports").at(-1), second);
});

test("what is wrong is told once per change, and once more when it works again", () => {
  const fleet = new Fleet([first]).settleFirst() as Fleet;
  fleet.fails([first, "refused"]);
  fleet.pass(6 * 60);
  const refused = `answer: connection failed, ${first}:80`;
  assert.equal(fleet.logged, [`connection: ${refused}`]);
  fleet.fails([first, "busy", 5]);
  fleet.pass(60);
  const lines = [refused, `answer: status 503, ${first}:80`];
  assert.equal(fleet.connections, ["", ...lines, ""]);
  assert.equal(
    fleet.logged,
    [...lines, `${first}:80 answers`].map((line) => `connection: ${line}`),
  );
});

test("a server that has no offer works: that is told after it could not be reached", () => {
  const fleet = new Fleet([first]);
  fleet.fails([first, "refused", 2]);
  fleet.pass(60);
  assert.equal(fleet.connections, ["", `answer: connection failed, ${first}:80`, ""]);
});

test("two servers that fail in their own ways are told once each, not in turns", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.fails([first, "refused"], [second, "busy"]);
  fleet.pass(12 * 60);
  const lines = [`answer: connection failed, ${first}:80`, `answer: status 503, ${second}:80`];
  assert.equal(fleet.connections, ["", ...lines]);
  fleet.fails([first, "refused"]);
  fleet.pass(5 * 24 * 60);
  assert.equal(fleet.connections, ["", ...lines, ""], "the daily look at the first is no news");
});

test("a download that fails again and again is told once", () => {
  const fleet = new Fleet([first]).settleFirst() as Fleet;
  fleet.faults.plan([networkFault("status", { target: "payload", count: 9 })]);
  fleet.simulation.publish(next());
  fleet.untilTold(next());
  assert.equal(fleet.connections, ["", `answer: status 404, ${first}:80`, ""]);
  const lines = [`answer: status 404, ${first}:80`, `${first}:80 answers`];
  assert.equal(
    fleet.logged,
    lines.map((line) => `connection: ${line}`),
  );
});

test("the next report carries the last error, and the one after it does not", () => {
  const fleet = new Fleet([first]).settleFirst() as Fleet;
  const refusals = (): (string | null)[] =>
    fleet.simulation
      .reports()
      .filter(({ result }) => result === "refused")
      .map(({ connection }) => connection);
  fleet.fails([first, "refused", 3]);
  fleet.pass(30);
  for (const sequenceNumber of [2, 3]) {
    fleet.simulation.publish(
      benchRelease({ sequenceNumber, image: benchImage(sequenceNumber, 20_000, 5) }),
    );
    fleet.until(() => refusals().length === sequenceNumber - 1, "the refusal");
  }
  assert.equal(refusals(), [`answer: connection failed, ${first}:80`, null]);
});

for (const [status, connection] of [
  [503, `answer: status 503, ${first}:80`],
  // From a server of a version that does not know the field.
  [400, null],
] as const) {
  test(`after a report was answered ${status} the next one says ${connection ?? "nothing"}`, () => {
    const fleet = new Fleet([first]).settleFirst() as Fleet;
    fleet.faults.plan([networkFault("status", { target: "report", value: status })]);
    fleet.install(next());
    assert.is(fleet.simulation.reports().at(-1)?.connection, connection);
  });
}

test("the device is named to the update server only, not to a content network", () => {
  const fleet = new Fleet([first]).settleFirst() as Fleet;
  fleet.faults.plan([networkFault("redirect-host", { host: first, count: always })]);
  fleet.simulation.publish(next());
  fleet.until(() => fleet.simulation.runs(next().image), "the update");
  for (const { hostname, headers, path } of fleet.simulation.wire()) {
    assert.is(headers.has("daruma-device"), hostname === first && !path.endsWith("/reports"));
    if (hostname !== first)
      assert.equal(
        [...headers.keys()].filter((name) => name !== "range"),
        [],
      );
  }
});

test("a payload on another host is fetched without the name of the device", () => {
  const elsewhere = benchRelease({ sequenceNumber: 2, uri: `http://${third}/app-2.bin` });
  const fleet = new Fleet([first]).settleFirst() as Fleet;
  // The content network has it under that name; the server of the simulation does not.
  fleet.simulation.publish({ ...elsewhere, uri: "app-2.bin" });
  fleet.until(() => fleet.asked(".bin").length > 0, "the download");
  const request = fleet.simulation.wire().find(({ path }) => path.endsWith(".bin"));
  assert.is(request?.hostname, third);
  assert.equal([...(request?.headers ?? [])], []);
});

test("after a restart polls begin with the first server again", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.fails([first, "refused"]);
  fleet.pass(30);
  fleet.faults.plan([]);
  fleet.pass(30);
  assert.is(fleet.asked("latest.suit").at(-1), second);
  fleet.powerCycle();
  fleet.pass(30);
  assert.is(fleet.asked("latest.suit").at(-1), first);
});

test("of the pauses that servers ask for the longest is kept, unless one of them answers", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.faults.plan([
    networkFault("busy", { host: first, target: "offer", value: 1800 }),
    networkFault("status", { host: second, target: "offer", value: 500 }),
  ]);
  const fromMs = fleet.nowMs;
  fleet.pass(29);
  assert.is(fleet.asked("latest.suit", fromMs).length, 2);
  fleet.pass(33);
  assert.ok(fleet.asked("latest.suit", fromMs).length > 2);
});

test("a pause that one server asks for with payloads does not keep the next one waiting", () => {
  const fleet = new Fleet().settleFirst() as Fleet;
  fleet.faults.plan([
    networkFault("busy", { host: first, target: "payload", value: 86_400, count: always }),
  ]);
  const fromMs = fleet.nowMs;
  fleet.install(next());
  assert.ok(fleet.nowMs - fromMs < dayMs / 24, fleet.timeline());
});

test("a pause that one server asks for does not outlive the answer of the next one", () => {
  const fleet = new Fleet([first, second], 70_000).settleFirst() as Fleet;
  const image = benchImage(2, 70_000);
  const newer = benchRelease({ sequenceNumber: 3, image: benchImage(3, 70_000) });
  fleet.faults.plan([networkFault("break", { value: 30_000, count: always })]);
  fleet.simulation.publish(benchRelease({ sequenceNumber: 2, image }));
  fleet.until(() => fleet.cost.payload > 20_000, "the download");
  fleet.powerCycle();
  // The next poll replaces the release that is under way.
  fleet.simulation.publish(newer);
  fleet.faults.plan([networkFault("busy", { host: first, value: 86_400, count: always })]);
  const fromMs = fleet.nowMs;
  fleet.install(newer);
  assert.ok(fleet.nowMs - fromMs < dayMs / 24, fleet.timeline());
});

/** All but those that leave an authentic answer: one that has nothing new is believed. */
const badKinds = networkFaultKinds.filter((kind) => !["replay", "status"].includes(kind));

for (let run = 0; run < 24; run++) {
  const seed = firstSeed + run;
  test(`one sound server is enough, whatever the other two do: SEED=${seed}`, () => {
    const random = new Prng(seed);
    const hosts = [first, second, third];
    const sound = hosts[random.below(3)];
    const fleet = new Fleet(hosts, 70_000).settleFirst() as Fleet;
    const bad = hosts.filter((host) => host !== sound);
    const faults = bad.flatMap((host) =>
      [0, 1].map(() => {
        const kind = badKinds[random.below(badKinds.length)];
        const target = (["offer", "payload", "report", "any"] as const)[random.below(4)];
        return networkFault(kind, { host, target, count: always });
      }),
    );
    const replay = `SEED=${seed}, sound ${sound} (${faults.map(printNetworkFault).join(" ")})`;
    const release = benchRelease({ sequenceNumber: 2, image: benchImage(2, 70_000) });
    fleet.faults.plan(faults);
    fleet.simulation.publish(release);
    fleet.until(() => fleet.resultsOf(release).length > 0, replay, 24);
    fleet.pass(5);
    assert.ok(fleet.simulation.runs(release.image), `${replay}\n${fleet.timeline()}`);
    assert.equal(fleet.told(release), ["updated: confirmed"], replay);
    fleet.assertPromises(replay);
  });
}

test.run();
