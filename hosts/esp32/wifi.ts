/** A Wi-Fi station that stays connected: it tries again after every loss, for ever. */
import type { TimerId, TimerModule } from "./platform.js";

/** `embedded:network/interface/wifi`. Connection: from 500 with an address, up to 200 without. */
export interface WifiStation {
  readonly connection: number;
  connect(options: WifiCredentials): void;
}
export type WifiClass = new (options: { onChanged(property: string): void }) => WifiStation;

export interface WifiCredentials {
  readonly SSID: string;
  /** Absent for an open network. */
  readonly password?: string;
}

const connectedLeast = 500;
const disconnectedMost = 200;
/** Pause before the next try, so that a wrong password does not keep the radio busy. */
export const reconnectMs = 5000;

/**
 * Connects to `credentials` and keeps at it. `onAddress` is called each time the station has an
 * address; what it throws is dropped. Hold the returned object for as long as the network is
 * wanted.
 */
export function keepConnected(
  Wifi: WifiClass,
  timer: TimerModule,
  credentials: WifiCredentials,
  onAddress?: () => void,
): WifiStation {
  let retry: TimerId | null = null;
  let station: WifiStation | null = null;
  const connect = (): void => {
    retry = null;
    try {
      station?.connect(credentials);
    } catch {
      retryLater();
    }
  };
  const retryLater = (): void => {
    try {
      if (retry === null) retry = timer.set(connect, reconnectMs);
    } catch {
      // The next change of the driver tries again.
    }
  };
  station = new Wifi({
    onChanged: () => {
      // Not while the driver is being made: `connect` follows.
      if (station === null) return;
      if (station.connection <= disconnectedMost) retryLater();
      if (station.connection < connectedLeast) return;
      try {
        onAddress?.();
      } catch {
        // An exception out of a callback of the driver would abort XS.
      }
    },
  });
  connect();
  return station;
}
