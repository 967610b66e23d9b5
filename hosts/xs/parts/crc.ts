/** One crc-32: the check value of the algorithm's catalogue entry. */
import { asciiBytes } from "../../../src/bytes.js";
import { crc32 } from "../../../src/crc.js";
import { partDone, partLoaded } from "../measure.js";

export default function main(): void {
  partLoaded();
  if (crc32(asciiBytes("123456789"), 0, 9) !== 0xcbf43926) throw new Error("crc-32 is wrong");
  partDone();
}
