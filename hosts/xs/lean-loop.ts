/** The plain loop at its leanest; see plain-loop.ts. */

import { plainLoop } from "./plain-loop.js";
import type { BoardPlatform } from "./platform.js";

export default function main(): BoardPlatform["dispatch"] {
  return plainLoop(true);
}
