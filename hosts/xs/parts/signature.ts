/**
 * One Ed25519 verification beside what else a machine holds: a collection costs what is live. RFC
 * 8032 7.1, test 2. The phases are the stretches between two calls of `alive`.
 */
import { verifyEd25519 } from "../../../src/crypto/ed25519.js";
import { partLoaded } from "../measure.js";
import { HostDigest } from "../platform.js";

/** What an agent that waits for its next poll holds, with host and glue (`npm run budgets`). */
const idleSlots = 700;
const idleChunkBytes = 2800;
const workBufferBytes = 4096;

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number(`0x${text.slice(2 * i, 2 * i + 2)}`);
  return bytes;
}

/** Verifies while as many slots are held; returns what holds them. */
export function verifyBeside(heldSlots: number): () => number {
  const held: object[] = [new Uint8Array(workBufferBytes), new Uint8Array(idleChunkBytes)];
  // An object, and a property that refers to the next one.
  let chain: object = {};
  for (let slots = 0; slots < heldSlots; slots += 2) chain = { chain };
  held.push(chain);
  partLoaded();
  const key = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = fromHex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  const message = fromHex("72");
  hostMark("before");
  const isGood = verifyEd25519(
    key,
    signature,
    message,
    (algorithm) => {
      const digest = new HostDigest(algorithm);
      return {
        write: (bytes) => digest.write(bytes),
        close: () => new Uint8Array(digest.close()),
      };
    },
    () => hostMark("signature"),
  );
  hostMark("signature");
  if (!isGood) throw new Error("the signature of RFC 8032 is good");
  return () => held.length;
}

export default function main(): () => number {
  return verifyBeside(idleSlots);
}
