import { test } from "uvu";
import * as assert from "uvu/assert";
import { replay } from "../../hosts/node/bench.js";
import { parsePlan, printPlan } from "../../hosts/simulator/plan.js";
import { randomPlan } from "../../hosts/simulator/random-plans.js";

test("every random plan is read back as it was printed", () => {
  for (let seed = 0; seed < 500; seed++) {
    const line = printPlan(randomPlan(seed));
    assert.is(printPlan(parsePlan(line)), line);
  }
});

test("all kinds of words are read", () => {
  const line =
    "crash third 7 image:307200 board:skip-validate board:loop-unwatched 12/prefix:16 " +
    "40/after!brown-out " +
    "41~bits:3:128 rot:69700:1@30 stick:65536:4:0 server:next@9 lost:bad@4 " +
    "cable@12 net:stall=12#1 net:down=86400";
  assert.is(printPlan(parsePlan(line)), line);
});

test("a network fault in a plan changes what the device sees, the same way each time", () => {
  const traced = (line: string): string => {
    const lines: string[] = [];
    const onLine = (atMs: number, text: string) => lines.push(`${atMs} ${text}`);
    assert.equal(replay(line, { onLine }).violations, []);
    return lines.join("\n");
  };
  const calm = traced("healthy known 1");
  const stalled = traced("healthy known 1 net:stall");
  assert.is.not(stalled, calm);
  assert.is(traced("healthy known 1 net:stall"), stalled);
  const { rest } = replay("healthy known 1 net:other-content");
  assert.is(rest.payloadBytes, 2 * 9216, "fetched again after it was found out");
});

test("a wrong word is named", () => {
  const wrong = (line: string, word: string) =>
    assert.throws(
      () => parsePlan(line),
      (error: unknown) => error instanceof RangeError && error.message.includes(`"${word}"`),
      line,
    );
  wrong("happy known 1", "happy");
  wrong("healthy nowhere 1", "nowhere");
  wrong("healthy known x", "x");
  wrong("healthy known 1 12/gone", "gone");
  wrong("healthy known 1 12/after!sneeze", "12/after!sneeze");
  wrong("healthy known 1 rot:1@3", "rot:1@3");
  wrong("healthy known 1 server:gone@3", "server:gone@3");
  wrong("healthy known 1 lost:dog@3", "lost:dog@3");
  wrong("healthy known 1 cable@x", "cable@x");
  wrong("healthy known 1 net:stall:12", "net:stall:12");
});

test.run();
