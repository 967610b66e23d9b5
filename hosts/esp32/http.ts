/**
 * The agent's HTTP over the ECMA-419 client: one client and one connection per request, always
 * closed afterwards. The client has no timeouts, may report an error twice (request and client),
 * and never finishes some answers; the agent's own deadlines close it then. Of an answer that is
 * chunked the body is not taken.
 */
import { viewOf } from "../../src/bytes.js";
import type { Http, HttpRequest, HttpRequestOptions, HttpScheme } from "../../src/hal.js";
import type { ClientRequest, HttpClientClass, HttpClientInstance } from "./platform.js";

class ClientExchange implements HttpRequest {
  private readonly options: HttpRequestOptions;
  private readonly client: HttpClientInstance;
  private readonly request: ClientRequest;
  private sent = 0;
  private over = false;

  constructor(Client: HttpClientClass, options: HttpRequestOptions) {
    this.options = options;
    this.client = new Client({
      host: options.hostname,
      port: options.port,
      onError: () => this.done(true),
    });
    this.request = this.client.request({
      method: options.method,
      path: options.path,
      headers: options.headers,
      onHeaders: (status, headers) => {
        if (this.over) return;
        // Once a chunk is read, SDK 8.2's client goes on from a timer of its own, where no guard
        // is: there it throws (a trailer), or reads without end (data came before the timer).
        const isRead = status < 300 && options.body === undefined;
        if (isRead && headers.has("transfer-encoding")) this.done(true);
        else options.onHeaders(status, headers);
      },
      onReadable: (count) => {
        if (!this.over) options.onReadable(count);
      },
      onWritable: (count) => this.send(count),
      onDone: (error) => this.done(error !== null && error !== undefined),
    });
  }

  read(into: Uint8Array, start: number, length: number): number {
    if (this.over || length === 0) return 0;
    return this.request.read(viewOf(into, start, length)) ?? 0;
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.client.close();
  }

  private send(count: number): void {
    const body = this.options.body;
    if (this.over || body === undefined || this.sent >= body.length) return;
    const end = Math.min(body.length, this.sent + count);
    this.request.write(body.subarray(this.sent, end));
    this.sent = end;
  }

  private done(failed: boolean): void {
    if (this.over) return;
    this.close();
    this.options.onDone(failed);
  }
}

/** Http of the HAL over an ECMA-419 HTTP client class, whose sockets speak `scheme`. */
export function createHttp(Client: HttpClientClass, scheme: HttpScheme): Http {
  return { scheme, request: (options) => new ClientExchange(Client, options) };
}
