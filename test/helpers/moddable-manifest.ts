/**
 * Moddable build manifests as mcconfig reads them, without the SDK:
 * includes are walked, a glob takes the files of one folder, a folder or file that is missing is an
 * error. Includes of the SDK itself, "$(MODDABLE)/...", are named and not walked.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export interface FfiFunction {
  readonly arguments?: readonly string[];
  readonly returns: string;
}

interface Manifest {
  readonly include?: string | readonly string[];
  readonly modules?: Readonly<Record<string, string | readonly string[]>>;
  readonly preload?: string | readonly string[];
  readonly build?: Readonly<Record<string, string>>;
  readonly defines?: unknown;
  readonly ffi?: {
    readonly sources: readonly string[];
    readonly functions: Readonly<Record<string, FfiFunction>>;
  };
  readonly platforms?: Readonly<Record<string, Manifest>>;
}

export interface Build {
  /** Code files by module name. */
  readonly modules: Map<string, string>;
  /** Declaration files by module name. */
  readonly declarations: Map<string, string>;
  readonly preload: string[];
  /** Includes of the SDK, and its excluded modules with "~" before them. */
  readonly sdk: Set<string>;
  readonly ffiSources: string[];
  readonly ffi: Map<string, FfiFunction>;
  readonly environment: Map<string, string>;
  /** Every manifest that was read. */
  readonly files: string[];
}

/** `edit` sees each manifest's text before it is parsed, so that a test can damage it. */
export type Edit = (path: string, text: string) => string;

export function resolveBuild(path: string, edit: Edit = (_path, text) => text): Build {
  const build: Build = {
    modules: new Map(),
    declarations: new Map(),
    preload: [],
    sdk: new Set(),
    ffiSources: [],
    ffi: new Map(),
    environment: new Map(),
    files: [],
  };
  walk(resolve(path), edit, build);
  return build;
}

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

function walk(path: string, edit: Edit, build: Build): void {
  if (build.files.includes(path)) return;
  if (!existsSync(path)) throw new Error(`manifest not found: ${path}`);
  build.files.push(path);
  const manifest = JSON.parse(edit(path, readFileSync(path, "utf8"))) as Manifest;
  const dir = dirname(path);
  for (const part of [manifest, manifest.platforms?.esp32 ?? {}]) {
    for (const include of list(part.include)) {
      if (include.startsWith("$(MODDABLE)/")) build.sdk.add(include);
      else walk(resolve(dir, include), edit, build);
    }
    for (const [target, sources] of Object.entries(part.modules ?? {})) {
      for (const source of list(sources)) addModules(target, source, dir, build);
    }
    build.preload.push(...list(part.preload));
    for (const [name, value] of Object.entries(part.build ?? {})) {
      build.environment.set(name, resolve(dir, value));
    }
    for (const source of part.ffi?.sources ?? []) {
      const file = resolve(dir, source);
      if (!existsSync(file)) throw new Error(`C file not found: ${source}`);
      build.ffiSources.push(file);
    }
    for (const [name, entry] of Object.entries(part.ffi?.functions ?? {})) {
      // mcconfig dies without it: "set argumentTypes: const".
      if (entry.arguments === undefined) throw new Error(`ffi ${name} has no "arguments"`);
      build.ffi.set(name, entry);
    }
  }
}

function addModules(target: string, source: string, dir: string, build: Build): void {
  if (source.startsWith("$(MODDABLE)/")) {
    build.sdk.add(target === "~" ? `~${source}` : source);
    return;
  }
  const path = resolve(dir, source);
  const folder = dirname(path);
  if (!existsSync(folder)) throw new Error(`directory not found: ${source}`);
  const wanted = basename(path);
  let found = 0;
  for (const file of readdirSync(folder)) {
    const match = /^(.*?)(\.d\.ts|\.js|\.mjs|\.ts)$/.exec(file);
    if (match === null || (wanted !== "*" && wanted !== match[1])) continue;
    const name = target.endsWith("*") ? target.slice(0, -1) + match[1] : target;
    if (match[2] === ".d.ts") {
      build.declarations.set(name, join(folder, file));
      continue;
    }
    found++;
    build.modules.set(name, join(folder, file));
  }
  if (found === 0) throw new Error(`no file matches: ${source}`);
}

/** Specifiers that a file imports at run time. */
export function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const imports = text.matchAll(/^(import|export)\s+([^"';]*?from\s+)?"([^"]+)"/gms);
  return [...imports].filter((match) => !/^type\s/.test(match[2] ?? "")).map((match) => match[3]);
}

/** Name of the module that `specifier` means in module `importer` (by name, not by path). */
export function moduleName(importer: string, specifier: string): string {
  const bare = specifier.replace(/\.m?js$/, "");
  return bare.startsWith(".") ? join(dirname(importer), bare) : bare;
}

/** Names of all modules reached from `entries`. Throws when one is neither built nor in `host`. */
export function reach(
  build: Build,
  entries: readonly string[],
  host: ReadonlySet<string>,
): Set<string> {
  const reached = new Set<string>();
  const pending = [...entries];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reached.has(name) || host.has(name)) continue;
    const file = build.modules.get(name);
    if (file === undefined) throw new Error(`module "${name}" not found`);
    reached.add(name);
    for (const specifier of importsOf(file)) pending.push(moduleName(name, specifier));
  }
  return reached;
}
