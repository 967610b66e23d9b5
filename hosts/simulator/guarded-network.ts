/**
 * The network classes of one device: the guarded HTTP client of hosts/esp32 over the simulated
 * classes of the SDK, as createPlatform of hosts/esp32/main.ts puts them together. Made once, for a
 * class made in each boot would cost more than the boot; a connection belongs to its boot.
 */
import {
  guardedClient,
  guardedResolver,
  guardedSocket,
  type SocketClass,
} from "../esp32/guards.js";
import type { HttpClientClass } from "../esp32/platform.js";
import { type HabitOptions, ModdableHabits } from "./moddable-habits.js";
import { habitClient } from "./moddable-http.js";

export class GuardedNetwork {
  #habits: ModdableHabits | null = null;
  #client: HttpClientClass | null = null;

  /** The client class for the boot that begins. */
  clientClass(boot: HabitOptions): HttpClientClass {
    if (this.#habits !== null && this.#client !== null) {
      this.#habits.begin(boot);
      return this.#client;
    }
    const habits = new ModdableHabits(boot);
    const { timer, net } = habits;
    // The SDK's class has overloads, and callbacks of its own.
    const Socket = habits.socketClass() as unknown as SocketClass;
    const socket = { io: guardedSocket(Socket, timer) };
    this.#habits = habits;
    this.#client = guardedClient(habitClient(habits), socket, guardedResolver(net, timer));
    return this.#client;
  }
}
