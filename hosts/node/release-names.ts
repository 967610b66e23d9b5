/** A release carries UUIDs made of names: whether they are those of names that a person knows. */
import { hex } from "../../src/bytes.js";
import { classIdOf, vendorIdOf } from "../../src/suit/uuid5.js";
import { nodeDigest } from "./digest.js";
import { CliError } from "./errors.js";

export interface ReleaseNames {
  readonly vendor?: string;
  readonly class?: string;
}

/**
 * Throws CliError "vendor-mismatch" or "class-mismatch" when the release is for other names.
 * Identifiers in hexadecimal; a class without a vendor is looked for with the release's vendor.
 */
export function checkNames(
  path: string,
  names: ReleaseNames,
  release: { readonly vendorId: string; readonly classId: string },
): void {
  if (names.vendor !== undefined) {
    const wanted = hex(vendorIdOf(names.vendor, nodeDigest));
    if (wanted !== release.vendorId) throw mismatch(path, "vendor", names.vendor);
  }
  if (names.class !== undefined) {
    const vendorId = Uint8Array.from(Buffer.from(release.vendorId, "hex"));
    const wanted = hex(classIdOf(vendorId, names.class, nodeDigest));
    if (wanted !== release.classId) throw mismatch(path, "class", names.class);
  }
}

function mismatch(path: string, which: "vendor" | "class", name: string): CliError {
  return new CliError(
    `${which}-mismatch`,
    `${path} is not for the ${which} ${name}, so its devices would refuse it; check the spelling ` +
      `or pack it again with --${which} ${name}`,
  );
}
