/** The firmware of a device; its third event never ends. */
import device from "../../../../hosts/xs/device.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  let left = 2;
  return (kind, id, value, text) => {
    while (left === 0);
    left--;
    dispatch(kind, id, value, text);
  };
}
