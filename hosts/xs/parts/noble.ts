/** One Ed25519 verification: RFC 8032 7.1, test 2. */
import { verifyEd25519 } from "../../../src/crypto/ed25519.js";
import { partDone, partLoaded } from "../measure.js";
import { HostDigest } from "../platform.js";

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number(`0x${text.slice(2 * i, 2 * i + 2)}`);
  return bytes;
}

export default function main(): void {
  partLoaded();
  const key = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = fromHex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  const isGood = verifyEd25519(key, signature, fromHex("72"), (algorithm) => {
    const digest = new HostDigest(algorithm);
    return {
      write: (bytes) => digest.write(bytes),
      close: () => new Uint8Array(digest.close()),
    };
  });
  if (!isGood) throw new Error("the signature of RFC 8032 is good");
  partDone();
}
