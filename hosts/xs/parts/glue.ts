/** The board's platform alone: the part of every run that no device has. */
import { holding, partDone, partLoaded } from "../measure.js";
import { type BoardPlatform, createBoardPlatform } from "../platform.js";

export default function main(): BoardPlatform["dispatch"] {
  partLoaded();
  const board = createBoardPlatform();
  partDone();
  return holding(board, board);
}
