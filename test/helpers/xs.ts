/** Runs test programs on XS: questions in, answers out, and ends of the machine told apart. */
import { spawnSync } from "node:child_process";
import {
  type Creation,
  esp32Creation,
  XsProcess,
  xsArguments,
  xsModule,
  xsProgram,
} from "../../hosts/node/xs-process.js";
import { events as boardEvents, operations } from "../../hosts/xs/operations.js";
import { questions } from "../xs/device/questions.js";

export interface Question {
  readonly kind: number;
  readonly inputs: readonly Uint8Array[];
}

/** The instruments' numbers of one phase. */
export interface Mark {
  readonly chunkBytes: number;
  readonly slots: number;
  readonly collections: number;
  readonly names: number;
}

const nothing = new Uint8Array(0);

/** Answers of one XS machine to all questions. Throws when the machine ends before the last. */
export function askXs(
  ask: Iterable<Question>,
  take: (question: Question, answer: string) => void,
  creation: Creation = esp32Creation,
): void {
  const module = xsModule("dist/test/xs/device/answer.js");
  const device = new XsProcess(xsProgram().path, xsArguments(creation, module, ["--board"]));
  const iterator = ask[Symbol.iterator]();
  let current: Question | undefined;
  const advance = (): number => {
    current = iterator.next().value as Question | undefined;
    return current?.kind ?? 0;
  };
  try {
    for (let request = device.next(); request !== null; request = device.next()) {
      if (request.operation === operations.wait) return;
      if (request.operation === operations.abort) {
        const inputs = current?.inputs.map((bytes) => Buffer.from(bytes).toString("hex"));
        throw new Error(`${request.body.toString()} on question ${current?.kind}: ${inputs}`);
      }
      if (request.operation === questions.next) device.answer(0, advance(), nothing);
      else if (request.operation === questions.input) {
        device.answer(0, 0, current?.inputs[request.a] ?? nothing);
      } else if (current !== undefined) {
        take(current, request.body.toString());
        device.answer(0, advance(), nothing);
      }
    }
    throw new Error("the XS process died");
  } finally {
    device.kill();
  }
}

/** The most that a module which needs no board may take; its host ends it before that. */
const aloneMs = 90_000;

export interface EndedAlone {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs a module alone: how it ended and what it printed. */
export function runAlone(
  path: string,
  creation: Partial<Creation> = {},
  more: readonly string[] = [],
): EndedAlone {
  return runHost(xsArguments({ ...esp32Creation, ...creation }, xsModule(path), more));
}

/** Runs the host with arguments that may be wrong. */
export function runHost(parameters: readonly string[]): EndedAlone {
  const options = { encoding: "utf8", timeout: aloneMs } as const;
  const { status, signal, stdout, stderr } = spawnSync(xsProgram().path, parameters, options);
  return { status, signal, output: `${stdout}${stderr}` };
}

/** What a module does that gets as many timer events as asked for: its marks, by phase. */
export function marksOf(path: string, events: number, more: readonly string[]): Map<string, Mark> {
  const parameters = xsArguments(esp32Creation, xsModule(path), ["--board", ...more]);
  const device = new XsProcess(xsProgram().path, parameters);
  const marks = new Map<string, Mark>();
  let left = events;
  try {
    for (let request = device.next(); request !== null; request = device.next()) {
      if (request.operation === operations.abort) throw new Error(request.body.toString());
      if (request.operation === operations.mark) {
        const [phase, ...numbers] = request.body.toString().split(" ");
        const [chunkBytes, slots, collections, , names] = numbers.map(Number);
        marks.set(phase, { chunkBytes, slots, collections, names });
        device.answer(0, 0, nothing);
      } else if (request.operation === operations.wait) {
        device.answer(left-- > 0 ? boardEvents.timer : boardEvents.end, 0, Buffer.alloc(4));
      } else device.answer(0, 0, nothing);
    }
    return marks;
  } finally {
    device.kill();
  }
}
