/**
 * How long calls take on an ESP32, in milliseconds: they block JavaScript, so a watchdog may bite
 * in them. Rounded up; what takes less than about 0.1 ms takes no time.
 */
import type { SignatureVerifier } from "../../src/suit/envelope.js";
import type { DigestClass, DigestInstance } from "../esp32/platform.js";

/** Lets that much time pass while JavaScript waits; throws where the boot ends in it. */
export type Spend = (durationMs: number) => void;

/**
 * Erase and program time of a 4 KB block. arduino-esp32 PR 7002 measured 38 to 92 ms for both
 * together on ESP32 boards; about the middle is taken.
 */
export const eraseMs = 45;
export const programMs = 15;
/** Reading 1 KB through the cache: flash at 40 MHz in DIO mode gives 10 bytes per microsecond. */
export const readMsPerKb = 0.1;
/** SHA-256 of 1 KB by the SDK's C code: 87,000 instructions on an emulated ESP32-C3 at 160 MHz. */
export const digestMsPerKb = 1;
/**
 * One write of a key. NVS programs a handful of entries of 32 bytes and marks the old ones; a page
 * is erased only once in a hundred writes. An estimate.
 */
export const keyValueMs = 5;
/** esp_ota_set_boot_partition verifies the image: 0.68 s for 1 MB on the emulated ESP32-C3. */
export const stageMsPerKb = 0.7;
/**
 * One Ed25519 check in JavaScript: 0.6 to 1.2 s on an ESP32 at 240 MHz (an estimate from counted
 * instructions); 3,600 ms on an ESP32-C3 whose machine has a chunk of 1536 bytes.
 */
export const verificationMs = 1000;

class TimedDigest implements DigestInstance {
  private readonly digest: DigestInstance;
  private readonly spend: Spend;

  constructor(digest: DigestInstance, spend: Spend) {
    this.digest = digest;
    this.spend = spend;
  }

  write(bytes: Uint8Array): void {
    this.spend((digestMsPerKb * bytes.length) / 1024);
    this.digest.write(bytes);
  }

  close(): ArrayBuffer {
    return this.digest.close();
  }
}

/** A digest class whose work takes time. A function: a class made in each boot is slow. */
export function timedDigest(Digest: DigestClass, spend: Spend): DigestClass {
  function Timed(algorithm: string): DigestInstance {
    return new TimedDigest(new Digest(algorithm), spend);
  }
  return Timed as unknown as DigestClass;
}

/** A verifier whose work takes `durationMs`. */
export function timedVerifier(
  verify: SignatureVerifier,
  spend: Spend,
  durationMs = verificationMs,
): SignatureVerifier {
  return (publicKey, signature, message, digest, alive) => {
    spend(durationMs);
    return verify(publicKey, signature, message, digest, alive);
  };
}
