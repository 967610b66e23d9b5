import { test } from "uvu";
import * as assert from "uvu/assert";
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
    "crash second 7 image:307200 12/prefix:16 40/after!brown-out 41~bits:3:128 " +
    "rot:69700:1@30 stick:65536:4:0 server:next@9 net:stall:12";
  assert.is(printPlan(parsePlan(line)), line);
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
});

test.run();
