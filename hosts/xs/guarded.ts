/** The board's network behind the ESP32 host's guards, as main.ts puts the SDK's behind them. */
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  type NetModule,
  type SdkHttpClientClass,
} from "../esp32/guards.js";
import type { HttpClientClass, TimerModule } from "../esp32/platform.js";

/** Sockets and names are the board's: the guards get what is never called. */
class NoSocket {
  close(): void {}
}
const noNet: NetModule = Object.freeze({ resolve: () => undefined });

/** For `createBoardPlatform`. */
export function guarded(Client: HttpClientClass, timer: TimerModule): HttpClientClass {
  const socket = { io: guardedSocket(NoSocket, timer) };
  return guardedClient(Client as SdkHttpClientClass, socket, guardedResolver(noNet, timer));
}
