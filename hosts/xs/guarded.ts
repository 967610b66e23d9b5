/** The board's network behind the ESP32 host's guards, as main.ts puts the SDK's behind them. */
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  type NetModule,
  type SdkHttpClientClass,
} from "../esp32/guards.js";
import type { HttpClientClass, TimerModule } from "../esp32/platform.js";
import { BoardSocket } from "./http.js";

/** Names are the board's: the guard gets what is never called. */
const noNet: NetModule = Object.freeze({ resolve: () => undefined });

/** For `createBoardPlatform`. */
export function guarded(Client: HttpClientClass, timer: TimerModule): HttpClientClass {
  const socket = { io: guardedSocket(BoardSocket, timer) };
  return guardedClient(Client as SdkHttpClientClass, socket, guardedResolver(noNet, timer));
}
