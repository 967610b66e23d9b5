/** Nothing: what every machine holds. */
import { partDone, partLoaded } from "../measure.js";

export default function main(): void {
  partLoaded();
  partDone();
}
