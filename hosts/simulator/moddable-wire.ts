/** HTTP/1.1 as bytes, as far as the simulated sockets need it. */
import { asciiBytes, asciiText } from "../../src/bytes.js";
import { bytesBody } from "../../src/server/body.js";
import type { ServerRequest, ServerResponse } from "../../src/server/handler.js";
import type { Travel, WireAnswer } from "./moddable-habits.js";

const nothing: Uint8Array = new Uint8Array(0);

/** A request put together from what a client sends: its head in one piece, then the body. */
export class RequestReader {
  #head: Omit<ServerRequest, "body"> | null = null;
  #body: Uint8Array = nothing;
  #filled = 0;

  /** The whole request; null while some of it is missing. */
  take(bytes: Uint8Array): ServerRequest | null {
    const head = this.#head;
    if (head === null) return this.takeHead(parseHead(asciiText(bytes, 0, bytes.length)));
    this.#body.set(bytes, this.#filled);
    this.#filled += bytes.length;
    return this.#filled < this.#body.length ? null : { ...head, body: this.#body };
  }

  takeHead(head: Omit<ServerRequest, "body">): ServerRequest | null {
    this.#head = head;
    const length = head.headers.get("content-length");
    if (length !== undefined) this.#body = new Uint8Array(Number(length));
    return this.#body.length > 0 ? null : { ...head, body: this.#body };
  }
}

function parseHead(text: string): Omit<ServerRequest, "body"> {
  const lines = text.split("\r\n");
  const [method, path] = lines[0].split(" ");
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i];
    const colon = line.indexOf(": ");
    if (colon > 0) headers.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return { method, path, headers };
}

/** The head of a response, without a length if not `withLength`. */
function headText({ status, headers }: ServerResponse, withLength: boolean): string {
  let head = `HTTP/1.1 ${status} Status\r\n`;
  for (const [name, value] of headers) {
    if (withLength || name !== "content-length") head += `${name}: ${value}\r\n`;
  }
  return head;
}

/** A server's response as bytes on the wire, with its length in a header if `withLength`. */
export function wireBytes(response: ServerResponse, withLength = true): Uint8Array {
  const { body } = response;
  const head = asciiBytes(`${headText(response, withLength)}\r\n`);
  const bytes = new Uint8Array(head.length + body.lengthBytes);
  bytes.set(head, 0);
  body.read(0, bytes.subarray(head.length), 0, body.lengthBytes);
  return bytes;
}

/** The same for a socket, which reads the body as it goes; chunked where no length is told. */
export function wireAnswer(
  response: ServerResponse,
  travel: Travel,
  onRead: (bytes: number) => void,
): WireAnswer {
  const { body, headers } = response;
  if (headers.has("content-length") || response.status === 204) {
    return { head: `${headText(response, true)}\r\n`, body, closes: false, travel, onRead };
  }
  const head = `${headText(response, true)}transfer-encoding: chunked\r\n\r\n`;
  return { head, body: chunkedBody(body), closes: false, travel, onRead };
}

/** All of it in one chunk, then the last one, which is empty (RFC 9112 7.1). */
function chunkedBody(body: ServerResponse["body"]): ServerResponse["body"] {
  const size = body.lengthBytes;
  const before = asciiBytes(size === 0 ? "" : `${size.toString(16)}\r\n`);
  const after = asciiBytes(size === 0 ? "0\r\n\r\n" : "\r\n0\r\n\r\n");
  const bytes = new Uint8Array(before.length + size + after.length);
  bytes.set(before, 0);
  body.read(0, bytes.subarray(before.length), 0, size);
  bytes.set(after, before.length + size);
  return bytesBody(bytes);
}
