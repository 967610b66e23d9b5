/** The firmware of a device; the callback of its first timer throws. */
import device from "../../../../hosts/xs/device.js";
import { events } from "../../../../hosts/xs/operations.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  return (kind, id, value, text) => {
    if (kind === events.timer) throw new Error("thrown in a timer");
    dispatch(kind, id, value, text);
  };
}
