/**
 * The example applications as they are published, on the simulated board: their main.ts and the
 * whole of the library, hosts/esp32/main.ts among it, are compiled anew and run over simulated
 * modules of the SDK. Every boot evaluates all of it again, as a chip does.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";
import * as noble from "@noble/ed25519";
import * as crc32 from "crc-32";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const examples = join(root, "manifests/examples");

/** What a module gives: as Node's loader of CommonJS has it. */
export type Exports = Readonly<Record<string, unknown>>;

const packages = new Map<string, Exports>([
  ["@noble/ed25519", noble],
  ["crc-32", crc32],
]);

/** Names that are free in a script of the SDK. */
export interface Globals {
  readonly trace: (text: string) => void;
  readonly globalThis: object;
}

/** Compiled code in a folder of its own. */
export class ExampleApp {
  readonly name: string;
  readonly #dir: string;

  /** Compiles the example with plain tsc. Throws what tsc prints. */
  constructor(name: string) {
    this.name = name;
    this.#dir = mkdtempSync(join(tmpdir(), "daruma-example-"));
    const config = {
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2022"],
        types: [],
        module: "commonjs",
        moduleResolution: "bundler",
        strict: true,
        rootDir: root,
        outDir: this.#dir,
        // As mcconfig does: one path for each module that a manifest names.
        paths: {
          flow: [join(examples, "node-like/flow.ts")],
          "daruma-ota": [join(root, "src/index.ts")],
          "daruma-ota/esp32": [join(root, "hosts/esp32/main.ts")],
        },
      },
      files: [
        join(root, "hosts/esp32/moddable.d.ts"),
        join(examples, "moddable.d.ts"),
        join(examples, name, "main.ts"),
      ],
    };
    const path = join(this.#dir, "tsconfig.json");
    writeFileSync(path, JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const run = spawnSync(process.execPath, [tsc, "-p", path], { cwd: root, encoding: "utf8" });
    if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  }

  /** The "config" of the example's manifest. */
  get config(): Readonly<Record<string, unknown>> {
    return JSON.parse(readFileSync(join(examples, this.name, "manifest.json"), "utf8")).config;
  }

  /** One boot: evaluates main over these modules of the SDK. Throws what main throws. */
  run(sdk: ReadonlyMap<string, Exports>, globals: Globals): void {
    const modules = new Map<string, Exports>();
    const load = (path: string): Exports => {
      const known = modules.get(path);
      if (known !== undefined) return known;
      const exports = {};
      modules.set(path, exports);
      const names = ["require", "exports", "trace", "globalThis"];
      const body = compileFunction(readFileSync(path, "utf8"), names, { filename: path });
      body((name: string) => find(dirname(path), name), exports, ...Object.values(globals));
      return exports;
    };
    const find = (from: string, name: string): Exports => {
      const given = packages.get(name) ?? sdk.get(name);
      if (given !== undefined) return { __esModule: true, ...given };
      const own = new Map([
        ["daruma-ota", "src/index.js"],
        ["daruma-ota/esp32", "hosts/esp32/main.js"],
        ["flow", "manifests/examples/node-like/flow.js"],
      ]).get(name);
      const path = own === undefined ? resolve(from, name) : join(this.#dir, own);
      if (!existsSync(path)) throw new Error(`no module "${name}" on this board`);
      return load(path);
    };
    load(join(this.#dir, "manifests/examples", this.name, "main.js"));
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
