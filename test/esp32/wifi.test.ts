import { suite } from "uvu";
import * as assert from "uvu/assert";
import { keepConnected, reconnectMs, type WifiClass } from "../../hosts/esp32/wifi.js";

const test = suite("esp32/wifi");

interface Air {
  connects: number;
  refuses: boolean;
  change(connection: number): void;
  timers: { callback: () => void; delayMs: number }[];
}

function air(): { air: Air; Wifi: WifiClass } {
  const state: Air = { connects: 0, refuses: false, change: () => {}, timers: [] };
  class Wifi {
    connection = 200;
    constructor(options: { onChanged(property: string): void }) {
      state.change = (connection) => {
        this.connection = connection;
        options.onChanged("connection");
      };
    }
    connect(): void {
      state.connects++;
      if (state.refuses) throw new Error("busy");
    }
  }
  return { air: state, Wifi };
}

const keep = (state: Air, Wifi: WifiClass, onAddress?: () => void) =>
  keepConnected(
    Wifi,
    {
      set: (callback, delayMs) => state.timers.push({ callback, delayMs }),
      clear: () => {},
    },
    { SSID: "home", password: "secret" },
    onAddress,
  );

test("it connects again after every loss, one try at a time", () => {
  const { air: state, Wifi } = air();
  keep(state, Wifi);
  assert.is(state.connects, 1);
  state.change(500);
  state.change(200);
  state.change(100);
  assert.is(state.timers.length, 1);
  assert.is(state.timers[0].delayMs, reconnectMs);
  state.timers[0].callback();
  assert.is(state.connects, 2);
  state.change(200);
  assert.is(state.timers.length, 2);
});

test("a driver that refuses is asked again later", () => {
  const { air: state, Wifi } = air();
  state.refuses = true;
  keep(state, Wifi);
  assert.is(state.timers.length, 1);
  state.timers[0].callback();
  assert.is(state.connects, 2);
});

test("an address is told, and nothing that is thrown then reaches the driver", () => {
  const { air: state, Wifi } = air();
  let told = 0;
  keep(state, Wifi, () => {
    told++;
    throw new Error("application");
  });
  state.change(400);
  assert.is(told, 0);
  state.change(500);
  assert.is(told, 1);
});

test("where no timer can be set the next change of the driver tries again", () => {
  const { air: state, Wifi } = air();
  let fails = true;
  const set = (callback: () => void, delayMs: number): number => {
    if (fails) throw new Error("add failed");
    return state.timers.push({ callback, delayMs });
  };
  state.refuses = true;
  keepConnected(Wifi, { set, clear: () => {} }, { SSID: "home" });
  state.change(100);
  fails = false;
  state.change(100);
  assert.is(state.timers.length, 1);
});

test("a driver that calls back while it is being made is connected all the same", () => {
  let connects = 0;
  class Hasty {
    connection = 0;
    constructor(options: { onChanged(property: string): void }) {
      options.onChanged("connection");
    }
    connect(): void {
      connects++;
    }
  }
  keepConnected(Hasty, { set: () => 1, clear: () => {} }, { SSID: "home" });
  assert.is(connects, 1);
});

test.run();
