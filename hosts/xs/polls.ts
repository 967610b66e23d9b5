/** The firmware of a device; a phase ends after each event, so that polls can be told apart. */
import device from "./device.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  return (kind, id, value, text) => {
    dispatch(kind, id, value, text);
    hostMark("event");
  };
}
