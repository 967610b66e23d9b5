/** The firmware of a device; after each timer event it tells what is live. */
import device from "../../../../hosts/xs/device.js";
import { events } from "../../../../hosts/xs/operations.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  return (kind, id, value, text) => {
    dispatch(kind, id, value, text);
    if (kind !== events.timer) return;
    hostMark("work");
    hostCollect();
    hostMark("live");
  };
}
