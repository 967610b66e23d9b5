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
import { operations } from "../../hosts/xs/operations.js";
import { questions } from "../xs/device/questions.js";

export interface Question {
  readonly kind: number;
  readonly inputs: readonly Uint8Array[];
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

/** Runs a module alone; its exit code and what it printed. */
export function runAlone(
  path: string,
  creation: Partial<Creation> = {},
): { status: number | null; output: string } {
  const parameters = xsArguments({ ...esp32Creation, ...creation }, xsModule(path), []);
  const result = spawnSync(xsProgram().path, parameters, { encoding: "utf8" });
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}
