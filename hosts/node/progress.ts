/** A progress bar on a terminal; one plain line at start and end elsewhere. */

import { SingleBar } from "cli-progress";

export interface Progress {
  /** `doneBytes` never falls. */
  update(doneBytes: number): void;
  stop(): void;
}

/** Starts a bar on `stream` (standard error by default, so that results stay alone on stdout). */
export function startProgress(
  label: string,
  totalBytes: number,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  return stream.isTTY
    ? barProgress(label, totalBytes, stream)
    : lineProgress(label, totalBytes, stream);
}

function barProgress(label: string, totalBytes: number, stream: NodeJS.WriteStream): Progress {
  const bar = new SingleBar({
    stream,
    format: "{label} [{bar}] {percentage}% {rate} KB/s, {eta_formatted} left",
    hideCursor: true,
  });
  const startedMs = performance.now();
  bar.start(totalBytes, 0, { label, rate: "0" });
  return {
    update(doneBytes) {
      const seconds = (performance.now() - startedMs) / 1000;
      bar.update(doneBytes, { rate: (doneBytes / 1024 / Math.max(seconds, 0.001)).toFixed(0) });
    },
    stop() {
      bar.stop();
    },
  };
}

function lineProgress(label: string, totalBytes: number, stream: NodeJS.WriteStream): Progress {
  let doneBytes = 0;
  stream.write(`${label}: ${totalBytes} bytes\n`);
  return {
    update(bytes) {
      doneBytes = bytes;
    },
    stop() {
      const percentage = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes);
      stream.write(`${label}: ${doneBytes} of ${totalBytes} bytes (${percentage} %)\n`);
    },
  };
}
