/** Changes of answers on their way: bodies and ranges that are not what the server sent. */
import { type Body, bytesBody } from "../../src/server/body.js";
import type { Delivery } from "./network.js";

export function lengthened(bytes: Uint8Array, more: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + more).fill(0xa5);
  longer.set(bytes, 0);
  return longer;
}

function bodyBytes(body: Body): Uint8Array {
  const bytes = new Uint8Array(body.lengthBytes);
  body.read(0, bytes, 0, bytes.length);
  return bytes;
}

/** Changes the body and lets the length follow; an answer that is an error stays as it is. */
export function rewriteBody(delivery: Delivery, change: (bytes: Uint8Array) => Uint8Array): void {
  const { status, headers, body } = delivery.response;
  if (status !== 200 && status !== 206) return;
  const changed = bytesBody(change(bodyBytes(body)));
  const changedHeaders = new Map(headers);
  changedHeaders.set("content-length", `${changed.lengthBytes}`);
  delivery.response = { status, headers: changedHeaders, body: changed };
}

/** Makes the answer a 206 whose Content-Range `text` gives, from what is true. */
export function rewriteRange(
  delivery: Delivery,
  text: (first: number, last: number, total: number) => string,
): void {
  const { status, headers, body } = delivery.response;
  if (status !== 200 && status !== 206) return;
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  const total = found === null ? body.lengthBytes : Number(found[3]);
  const first = found === null ? 0 : Number(found[1]);
  const last = found === null ? total - 1 : Number(found[2]);
  const changed = new Map(headers);
  changed.set("content-range", text(first, last, total));
  delivery.response = { status: 206, headers: changed, body };
}
