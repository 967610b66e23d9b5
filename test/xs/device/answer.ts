/** The XS side of the unit tests: takes questions from the board and answers them. */
/// <reference path="../../../hosts/xs/natives.d.ts" />
import type { DigestFactory } from "../../../src/crypto/digest.js";
import { evaluate } from "./evaluate.js";
import { questions } from "./questions.js";

class NativeDigest {
  readonly #digest: number;

  constructor(algorithm: string) {
    this.#digest = digestOpen(algorithm);
  }

  write(bytes: Uint8Array): void {
    digestFeed(this.#digest, bytes);
  }

  close(): Uint8Array {
    return new Uint8Array(digestEnd(this.#digest));
  }
}

const digest: DigestFactory = (algorithm) => new NativeDigest(algorithm);

function input(index: number): Uint8Array {
  return new Uint8Array(boardBytes(questions.input, index, 0) ?? new ArrayBuffer(0));
}

export default function main(): void {
  let kind = boardCall(questions.next, 0, 0);
  while (kind !== 0) {
    let answer: string;
    try {
      answer = evaluate(kind, input(0), input(1), input(2), digest);
    } catch (error) {
      answer = `threw ${error instanceof Error ? error.message : "unknown"}`;
    }
    kind = boardCall(questions.answer, 0, 0, answer);
  }
}
