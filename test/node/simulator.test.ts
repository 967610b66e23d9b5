/** The standard run: it passes for the agent as it is, and not for one that is broken. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type SimulateResult, simulate, tablesFor } from "../../hosts/node/commands/simulate.js";
import { renderSimulation } from "../../hosts/node/render.js";
import { standardRun } from "../../hosts/node/simulator.js";
import { buildImage } from "../../src/author/esp-image.js";
import { digest } from "../helpers/digest.js";
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

function simulated(sizes: readonly [number, number]): SimulateResult {
  const dir = mkdtempSync(join(tmpdir(), "daruma-simulate-"));
  try {
    const [old, next] = sizes.map((sizeBytes, index) => {
      const path = join(dir, `${index}.bin`);
      const version = `${index + 1}`;
      writeFileSync(path, buildImage({ chipId: 0, version, projectName: "x", sizeBytes }, digest));
      return path;
    });
    return simulate({ old, new: next, firmware: "healthy", seed: 1 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test("the board that was simulated is told, and which tables hold the images", () => {
  const small = simulated([8192, 9008]);
  assert.is(small.flashBytes, 192 * 1024);
  assert.is(small.slotBytes, 64 * 1024);
  assert.equal(small.fitsTables, ["4mb.csv", "8mb.csv"]);
  assert.match(renderSimulation(small), "simulated: 192 KB of flash, two slots of 65536 bytes");
  assert.not.match(renderSimulation(small), "does not fit");
  const large = simulated([0x1d0010, 0x1d0020]);
  assert.is(large.flashBytes, 8 * 1024 * 1024);
  assert.equal(large.fitsTables, ["8mb.csv"]);
  const line = "an image of 1900576 bytes does not fit manifests/partitions/4mb.csv; it fits 8mb";
  assert.match(renderSimulation(large), line);
  const huge = renderSimulation({ ...large, imageBytes: 0x3d0010, fitsTables: [] });
  assert.match(huge, "does not fit manifests/partitions/4mb.csv; nor 8mb.csv");
});

test("the slots of the published tables are those of the tables", () => {
  for (const [name, fits] of [
    ["4mb.csv", 1856 * 1024],
    ["8mb.csv", 3904 * 1024],
  ] as const) {
    const csv = readFileSync(new URL(`../../../manifests/partitions/${name}`, import.meta.url));
    const slot = Number(/^ota_0,.*,\s+(0x[0-9a-f]+)$/m.exec(csv.toString())?.[1]);
    assert.is(slot, fits);
    assert.ok(tablesFor(slot).includes(name));
    assert.not(tablesFor(slot + 1).includes(name));
  }
});

test.run();
