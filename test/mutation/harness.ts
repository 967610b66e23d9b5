/** Runs a sweep on a copy of the compiled product in which one safeguard is missing. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { WorkerAnswer, WorkerTask } from "../../hosts/node/sweep-worker.js";
import type { PlanResult } from "../../hosts/simulator/run-plan.js";
import type { Edit, Mutant } from "./mutants.js";

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

interface BenchModule {
  replay(line: string): PlanResult;
}

/** Sweeps the product without the mutant's safeguard, or as it is when `mutant` is null. */
export async function sweepWithout(mutant: Mutant, isWhole: boolean): Promise<Caught> {
  const folder = mkdtempSync(join(tmpdir(), "mutant-"));
  try {
    cpSync(join(root, "dist", "src"), join(folder, "dist", "src"), { recursive: true });
    cpSync(join(root, "dist", "hosts"), join(folder, "dist", "hosts"), { recursive: true });
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    if (!isWhole) mutate(folder, mutant.name, mutant);
    if (!isWhole && mutant.also !== undefined) mutate(folder, mutant.name, mutant.also);
    const entry = pathToFileURL(join(folder, "dist", "hosts", "node", "sweep-worker.js")).href;
    const { runTask }: SweepModule = await import(entry);
    if (mutant.plan !== undefined) return await replayed(folder, mutant.plan);
    const [kind, ending, start] = mutant.sweep;
    const job = { kind, ending, start, index: 0, count: 1, seed: 1, size: 400 };
    const { result } = runTask({ job, deadlineMs: Date.now() + 20_000 });
    const failure = result.failures[0];
    if (failure === undefined) return { promise: "", text: "", line: "", replayed: "" };
    const { line, violation } = failure;
    const again = await replayed(folder, line);
    return { promise: violation.promise, text: violation.text, line, replayed: again.promise };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function replayed(folder: string, plan: string): Promise<Caught> {
  const entry = pathToFileURL(join(folder, "dist", "hosts", "node", "bench.js")).href;
  const { replay }: BenchModule = await import(entry);
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
