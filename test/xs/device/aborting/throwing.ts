/** The firmware of a device that throws once its trial is under way. */
import device from "../../../../hosts/xs/device.js";

export default function main(): ReturnType<typeof device> {
  const dispatch = device();
  let left = 3;
  return (kind, id, value, text) => {
    if (left-- === 0) throw new TypeError("lamp is not a function");
    dispatch(kind, id, value, text);
  };
}
