/** The firmware of a device that keeps an object more with each event, until its slots run out. */
import device from "../../../../hosts/xs/device.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  let list: object | null = null;
  return (kind, id, value, text) => {
    for (let i = 0; i < 300; i++) list = { list };
    dispatch(kind, id, value, text);
  };
}
