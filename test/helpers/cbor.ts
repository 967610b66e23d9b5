/** A CBOR writer for tests that also writes what must be refused: any order, any bytes. */

export type Item = number | bigint | string | boolean | null | Uint8Array | Item[] | Entries | Raw;

/** A map whose entries are written in the order given. */
export class Entries {
  readonly list: readonly (readonly [Item, Item])[];
  constructor(...list: (readonly [Item, Item])[]) {
    this.list = list;
  }
}

/** Bytes that are written as they are, in place of an item. */
export class Raw {
  readonly bytes: Uint8Array;
  constructor(...parts: (Uint8Array | string)[]) {
    this.bytes = concat(...parts.map((part) => (typeof part === "string" ? fromHex(part) : part)));
  }
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Initial byte and argument; `size` (0, 1, 2, 4, 8) forces a longer form than needed. */
export function head(major: number, value: number | bigint, size = -1): Uint8Array {
  const big = BigInt(value);
  let bytes = size;
  if (size < 0) {
    bytes = big < 24n ? 0 : big < 1n << 8n ? 1 : big < 1n << 16n ? 2 : big < 1n << 32n ? 4 : 8;
  }
  if (bytes === 0) return Uint8Array.of((major << 5) | Number(big));
  const info = { 1: 24, 2: 25, 4: 26, 8: 27 }[bytes] ?? 27;
  const argument = big.toString(16).padStart(2 * bytes, "0");
  return concat(Uint8Array.of((major << 5) | info), fromHex(argument));
}

/** `tag(value)` as an item. */
export function tagged(tag: number, value: Item): Raw {
  return new Raw(head(6, tag), cbor(value));
}

/** A byte string that holds an encoded item. */
export function wrapped(value: Item): Uint8Array {
  return cbor(value);
}

export function cbor(value: Item): Uint8Array {
  if (value instanceof Raw) return value.bytes;
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (value instanceof Entries) {
    const parts = value.list.flatMap(([key, entry]) => [cbor(key), cbor(entry)]);
    return concat(head(5, value.list.length), ...parts);
  }
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(cbor));
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return concat(head(3, bytes.length), bytes);
  }
  return value < 0 ? head(1, -1n - BigInt(value)) : head(0, value);
}
