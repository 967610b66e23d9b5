/** A Wi-Fi station that stays connected; the driver is never called back. */
import { keepConnected, type WifiStation } from "../../esp32/wifi.js";
import { partDone, partLoaded } from "../measure.js";
import { BoardTimers } from "../platform.js";

class Driver implements WifiStation {
  readonly connection = 0;
  readonly changed: (property: string) => void;

  constructor({ onChanged }: { onChanged(property: string): void }) {
    this.changed = onChanged;
  }

  connect(): void {}
}

export default function main(): void {
  partLoaded();
  const station = keepConnected(Driver, new BoardTimers(), { SSID: "lamp" });
  partDone();
  if (station.connection !== 0) throw new Error("nothing is connected here");
}
