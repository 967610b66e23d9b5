/** Public keys as people have them, turned into the raw bytes that a device is configured with. */

/** DER of SubjectPublicKeyInfo up to the 32 bytes of an Ed25519 key (RFC 8410 section 4). */
const spkiPrefix = Object.freeze([48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0]);
const publicKeyBytes = 32;

/**
 * The raw 32 bytes of an Ed25519 public key, from the text of a PEM file ("release.pub.pem") or
 * from the one base64 line in it. Throws RangeError for anything else.
 */
export function trustAnchorOf(pem: string): Uint8Array {
  // A build's configuration may leave it out, whatever the types say.
  const text = typeof pem === "string" ? pem : "";
  const bytes = new Uint8Array(spkiPrefix.length + publicKeyBytes);
  let length = 0;
  let bits = 0;
  let held = 0;
  for (let i = bodyStart(text); i < text.length; i++) {
    const value = base64Value(text.charCodeAt(i));
    if (value === -2) continue;
    if (value === -1) break;
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    if (length === bytes.length) {
      throw new RangeError("trustAnchor is no Ed25519 public key: too long");
    }
    bytes[length++] = held >> bits;
  }
  let isEd25519 = length === bytes.length;
  for (let i = 0; i < spkiPrefix.length; i++) isEd25519 = isEd25519 && bytes[i] === spkiPrefix[i];
  if (!isEd25519) throw new RangeError("trustAnchor is no Ed25519 public key in SPKI form");
  return bytes.slice(spkiPrefix.length);
}

/** After the line "-----BEGIN PUBLIC KEY-----", if there is one. */
function bodyStart(text: string): number {
  const begin = text.indexOf("-----BEGIN PUBLIC KEY-----");
  return begin < 0 ? 0 : begin + 26;
}

/** -1 for a character that ends base64 ("=", "-"), -2 for white space. */
function base64Value(code: number): number {
  if (code >= 65 && code <= 90) return code - 65;
  if (code >= 97 && code <= 122) return code - 71;
  if (code >= 48 && code <= 57) return code + 4;
  if (code === 43) return 62;
  if (code === 47) return 63;
  return code === 10 || code === 13 || code === 32 ? -2 : -1;
}
