/** The standard run: it passes for the agent as it is, and not for one that is broken. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { standardRun } from "../../hosts/node/simulator.js";
import { releaseOf } from "../helpers/update-run.js";

const test = suite("node/simulator");

const run = {
  oldImage: releaseOf(1, "healthy").image,
  newImage: releaseOf(2, "healthy").image,
  seed: 1,
};

test("every behaviour of the new firmware ends as it must", () => {
  for (const behaviour of ["healthy", "crash", "hang", "fail-test", "no-network"] as const) {
    const { passed, verdicts } = standardRun({ ...run, behaviour });
    assert.ok(passed, behaviour);
    assert.equal(
      verdicts.filter((one) => !one.held),
      [],
    );
  }
});

test("an agent that believes every signature does not pass", () => {
  for (const behaviour of ["healthy", "crash"] as const) {
    const { passed } = standardRun({ ...run, behaviour, agent: { verifySignature: () => true } });
    assert.is(passed, false, behaviour);
  }
});

test.run();
