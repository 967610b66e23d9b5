// The modules of the Moddable SDK that only the examples use, for plain `tsc`; no manifest lists
// this file. The rest is in hosts/esp32/moddable.d.ts.

declare module "embedded:io/digital" {
  export default class Digital {
    static readonly Output: number;
    constructor(options: { pin: number; mode: number });
    write(value: 0 | 1): void;
  }
}

declare module "mc/config" {
  const config: {
    readonly ssid: string;
    readonly password: string;
    readonly ledPin: number;
    readonly updateServer: string;
    readonly trustAnchor: string;
  };
  export default config;
}
