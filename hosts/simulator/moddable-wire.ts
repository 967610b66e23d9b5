/** HTTP/1.1 as bytes, as far as the simulated sockets need it. */
import { asciiBytes, asciiText } from "../../src/bytes.js";
import type { ServerRequest, ServerResponse } from "../../src/server/handler.js";

/** The request in what was sent so far; null while some of it is missing. */
export function parseRequest(parts: readonly Uint8Array[]): ServerRequest | null {
  let text = "";
  let headParts = 0;
  for (const part of parts) {
    headParts++;
    text += asciiText(part, 0, part.length);
    if (text.endsWith("\r\n\r\n")) break;
  }
  if (!text.endsWith("\r\n\r\n")) return null;
  const lines = text.split("\r\n");
  const [method, path] = lines[0].split(" ");
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(": ");
    if (colon > 0) headers.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const body = concat(parts.slice(headParts));
  if (body.length < Number(headers.get("content-length") ?? "0")) return null;
  return { method, path, headers, body };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** A server's response as bytes on the wire, with its length in a header if `withLength`. */
export function wireBytes(response: ServerResponse, withLength = true): Uint8Array {
  const { status, headers, body } = response;
  let head = `HTTP/1.1 ${status} Status\r\n`;
  for (const [name, value] of headers) {
    if (withLength || name !== "content-length") head += `${name}: ${value}\r\n`;
  }
  const bytes = new Uint8Array(body.lengthBytes);
  body.read(0, bytes, 0, bytes.length);
  return concat([asciiBytes(`${head}\r\n`), bytes]);
}
