/**
 * The loop that a user would otherwise write: read from HTTP, erase and write the slot, no checks.
 * The measure of what the agent costs. The address of the image is the board's option serverUrl.
 * The lean one makes no view of the buffer where it is read or written whole, as the agent does.
 */
import { parseHttpUrl } from "../../src/agent/url.js";
import type { ClientRequest } from "../esp32/platform.js";
import { operations, optionTexts } from "./operations.js";
import { type BoardPlatform, createBoardPlatform } from "./platform.js";

const blockBytes = 4096;

export default function main(): BoardPlatform["dispatch"] {
  return plainLoop(false);
}

export function plainLoop(isLean: boolean): BoardPlatform["dispatch"] {
  const { platform, dispatch } = createBoardPlatform();
  const target = parseHttpUrl(
    boardText(operations.optionText, optionTexts.serverUrl, 0) ?? "",
    "http",
  );
  if (target === null) throw new Error("the image has no address");
  const partition = platform.flash.open({ path: "nextota", mode: "r+" });
  const buffer = new Uint8Array(blockBytes);
  let used = 0;
  let offset = 0;
  const writeWhole = (): void => {
    partition.eraseBlock(offset / blockBytes);
    partition.write(buffer, offset);
    offset += blockBytes;
    used = 0;
  };
  const writeBlock = (length: number): void => {
    partition.eraseBlock(offset / blockBytes);
    partition.write(buffer.subarray(0, length), offset);
    offset += length;
    used = 0;
  };
  const client = new platform.http({ host: target.hostname, port: target.port });
  hostMark("boot");
  const readUsual = (countBytes: number): void => {
    let left = countBytes;
    while (left > 0) {
      const got = request.read(buffer.subarray(used, Math.min(blockBytes, used + left))) ?? 0;
      if (got === 0) return;
      used += got;
      left -= got;
      if (used === blockBytes) writeBlock(blockBytes);
    }
  };
  const readLean = (countBytes: number): void => {
    let left = countBytes;
    while (left > 0) {
      const isWhole = used === 0 && left >= blockBytes;
      const into = isWhole ? buffer : buffer.subarray(used, Math.min(blockBytes, used + left));
      const got = request.read(into) ?? 0;
      if (got === 0) return;
      used += got;
      left -= got;
      if (used === blockBytes) writeWhole();
    }
  };
  const request: ClientRequest = client.request({
    method: "GET",
    path: target.path,
    headers: new Map(),
    onHeaders: () => undefined,
    onReadable: isLean ? readLean : readUsual,
    onDone: () => {
      if (used > 0) writeBlock((used + 15) & ~15);
      client.close();
      hostMark("loop");
    },
  });
  return dispatch;
}
