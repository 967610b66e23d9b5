/** A plain run, without any fault, sees an agent that skips a step. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { simulateWithout } from "../mutation/harness.js";

const machine = "src/agent/machine.js";

test("daruma simulate notices that a slot is staged before the journal says so", async () => {
  const find = "imageVerified: stageImage";
  const replace = 'imageVerified: toCandidate("stage", "journalStaging")';
  assert.ok((await simulateWithout([{ file: machine, find, replace }])).includes("P7"));
});

test("daruma simulate notices that an image is confirmed before the journal says so", async () => {
  const find = 'trialPassed: toTrial("journalConfirming", "confirm")';
  const replace = 'trialPassed: toTrial("confirm")';
  assert.ok((await simulateWithout([{ file: machine, find, replace }])).includes("P7"));
});

test("daruma simulate notices that nothing was read back", async () => {
  const broken = await simulateWithout([
    {
      file: machine,
      find: 'imageWritten: toWriting("verifyImage")',
      replace: 'imageWritten: toCandidate("journalStaging", "stage")',
    },
    {
      file: "src/agent/installer.js",
      find: "return this.verified !== null && equalBytes(this.verified, image.imageDigest);",
      replace: "return true;",
    },
  ]);
  assert.ok(broken.includes("P1"));
});

test("daruma simulate finds nothing to complain of as it is", async () => {
  assert.equal(await simulateWithout([]), []);
});

test.run();
