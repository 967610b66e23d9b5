import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { startProgress } from "../../hosts/node/progress.js";

const test = suite("node/progress");

/** A stream that collects text in the place of standard error. */
function sink(isTTY: boolean): { stream: WriteStream; text: () => string } {
  let text = "";
  const through = new PassThrough();
  through.on("data", (chunk) => {
    text += chunk;
  });
  const stream = Object.assign(Object.create(WriteStream.prototype), {
    isTTY,
    columns: 80,
    write: (chunk: string) => through.write(chunk),
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
    on: () => stream,
  });
  return { stream, text: () => text };
}

test("without a terminal: one line at start and end", () => {
  const { stream, text } = sink(false);
  const progress = startProgress("flash", 2000, stream);
  for (let done = 0; done <= 1000; done += 10) progress.update(done);
  progress.stop();
  assert.is(text(), "flash: 2000 bytes\nflash: 1000 of 2000 bytes (50 %)\n");
});

test("on a terminal: a bar with percentage and rate", () => {
  const { stream, text } = sink(true);
  const progress = startProgress("flash", 2000, stream);
  progress.update(2000);
  progress.stop();
  assert.match(text(), "flash [");
  assert.match(text(), "100%");
  assert.match(text(), "KB/s");
});

test.run();
