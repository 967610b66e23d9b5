/** Marks of a part that is measured alone: what its modules hold, and what it comes to. */
import type { BoardPlatform } from "./platform.js";

/** Ends the phase "load": everything is imported, nothing has run. */
export function partLoaded(): void {
  hostCollect();
  hostMark("load");
}

/** Ends the phase "part". */
export function partDone(): void {
  hostCollect();
  hostMark("part");
}

/** The board's events, with `parts` held meanwhile as an application holds them. */
export function holding(parts: object, { dispatch }: BoardPlatform): BoardPlatform["dispatch"] {
  const held = { parts, dispatch };
  return (kind, id, value, text) => held.dispatch(kind, id, value, text);
}
