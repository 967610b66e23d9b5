/** The ESP32 host over the board's platform. */
import { createHal } from "../../esp32/hal.js";
import { guarded } from "../guarded.js";
import { holding, partDone, partLoaded } from "../measure.js";
import { type BoardPlatform, createBoardPlatform } from "../platform.js";

export default function main(): BoardPlatform["dispatch"] {
  partLoaded();
  const board = createBoardPlatform(guarded);
  const hal = createHal(board.platform);
  partDone();
  return holding(hal, board);
}
