/** An application with the boot entry (daruma-ota/boot) and no agent. */
import { BootCheck } from "../../../src/boot-check.js";
import { createHal } from "../../esp32/hal.js";
import { guarded } from "../guarded.js";
import { holding, partDone, partLoaded } from "../measure.js";
import { type BoardPlatform, createBoardPlatform } from "../platform.js";

export default function main(): BoardPlatform["dispatch"] {
  partLoaded();
  const board = createBoardPlatform(guarded);
  const boot = new BootCheck(createHal(board.platform));
  if (boot.run() === null) throw new Error("the boot check found nothing");
  partDone();
  return holding(boot, board);
}
