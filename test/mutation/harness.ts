/** Runs a sweep on a copy of the compiled product in which one safeguard is missing. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { standardRun } from "../../hosts/node/simulator.js";
import type { WorkerAnswer, WorkerTask } from "../../hosts/node/sweep-worker.js";
import type { PlanResult } from "../../hosts/simulator/run-plan.js";
import type { WeeksResult } from "../../hosts/simulator/weeks.js";
import { benchImage } from "../helpers/bench.js";
import type { Edit, Mutant } from "./mutant.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

export interface Caught {
  /** The promise that the checkers saw broken; "" when the mutant survived. */
  readonly promise: string;
  readonly text: string;
  readonly line: string;
  /** The promise that a replay of the line breaks, without the same safeguard. */
  readonly replayed: string;
}

interface SweepModule {
  runTask(task: WorkerTask): WorkerAnswer;
}

interface SimulatorModule {
  standardRun: typeof standardRun;
}

interface BenchModule {
  replay(line: string): PlanResult;
}

interface WeeksModule {
  replayWeeks(line: string): WeeksResult;
}

/** Runs `act` on a copy of the compiled product that `edits` have changed. */
export async function copied<T>(
  name: string,
  edits: readonly Edit[],
  act: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "mutant-"));
  try {
    cpSync(join(root, "dist", "src"), join(folder, "dist", "src"), { recursive: true });
    cpSync(join(root, "dist", "hosts"), join(folder, "dist", "hosts"), { recursive: true });
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    for (const edit of edits) mutate(folder, name, edit);
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function importFrom<T>(folder: string, file: string): Promise<T> {
  return import(pathToFileURL(join(folder, "dist", "hosts", "node", file)).href);
}

/** Sweeps the product without the mutant's safeguard, or as it is when `isWhole`. */
export function sweepWithout(mutant: Mutant, isWhole: boolean): Promise<Caught> {
  const edits = isWhole ? [] : [mutant, ...(mutant.also === undefined ? [] : [mutant.also])];
  return copied(mutant.name, edits, async (folder) => {
    if (mutant.plan !== undefined) return replayed(folder, mutant.plan);
    const { runTask } = await importFrom<SweepModule>(folder, "sweep-worker.js");
    const [kind, ending, start] = mutant.sweep;
    const job = { kind, ending, start, index: 0, count: 1, seed: 1, size: 400 };
    const { result } = runTask({ job, deadlineMs: Date.now() + 20_000 });
    const failure = result.failures[0];
    if (failure === undefined) return { promise: "", text: "", line: "", replayed: "" };
    const { line, violation } = failure;
    const again = await replayed(folder, line);
    return { promise: violation.promise, text: violation.text, line, replayed: again.promise };
  });
}

/** The promises that one plain run of `daruma simulate` sees broken without what `edits` change. */
export function simulateWithout(edits: readonly Edit[]): Promise<string[]> {
  return copied("simulate", edits, async (folder) => {
    const { standardRun } = await importFrom<SimulatorModule>(folder, "simulator.js");
    const behaviour = "healthy" as const;
    const images = { oldImage: benchImage(1), newImage: benchImage(2) };
    const { verdicts } = standardRun({ ...images, behaviour, seed: 1 });
    return verdicts.filter(({ held }) => !held).map(({ promise }) => promise);
  });
}

async function replayed(folder: string, plan: string): Promise<Caught> {
  if (plan.startsWith("weeks ")) {
    const { replayWeeks } = await importFrom<WeeksModule>(folder, "weeks.js");
    const [first] = replayWeeks(plan).violations;
    const promise = first?.promise ?? "";
    return { promise, text: first?.text ?? "", line: plan, replayed: promise };
  }
  const { replay } = await importFrom<BenchModule>(folder, "bench.js");
  const { violations, line } = replay(plan);
  const first = violations[0];
  const promise = first?.promise ?? "";
  return { promise, text: first?.text ?? "", line, replayed: promise };
}

function mutate(folder: string, name: string, { file, find, replace }: Edit): void {
  const path = join(folder, "dist", file);
  const text = readFileSync(path, "utf8");
  if (text.split(find).length !== 2) throw new Error(`${name}: the text occurs not just once`);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
}
