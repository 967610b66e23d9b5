/**
 * The agent's HTTP over the ECMA-419 client: one client and one connection per request, always
 * closed afterwards. The client has no timeouts, may report an error twice (request and client),
 * and never finishes some answers; the agent's own deadlines close it then. Of an answer that is
 * chunked the body is not taken.
 */
import type {
  Http,
  HttpReceiver,
  HttpRequest,
  HttpRequestOptions,
  HttpScheme,
} from "../../src/hal.js";
import type {
  ClientRequest,
  ClientRequestOptions,
  HttpClientClass,
  HttpClientInstance,
} from "./platform.js";

class ClientExchange implements HttpRequest {
  private readonly receiver: HttpReceiver;
  private readonly client: HttpClientInstance;
  private readonly request: ClientRequest;
  private over = false;

  constructor(Client: HttpClientClass, options: HttpRequestOptions, receiver: HttpReceiver) {
    const { hostname, port, method, path, headers, body } = options;
    this.receiver = receiver;
    this.client = new Client({ host: hostname, port, onError: () => this.done(true) });
    const request: ClientRequestOptions = {
      method,
      path,
      headers,
      onHeaders: (status, received) => {
        if (this.over) return;
        // Once a chunk is read, SDK 8.2's client goes on from a timer of its own, where no guard
        // is: there it throws (a trailer), or reads without end (data came before the timer).
        const isRead = status < 300 && body === undefined;
        if (isRead && received.has("transfer-encoding")) this.done(true);
        else receiver.headersReceived(this, status, received);
      },
      onReadable: (count) => {
        if (!this.over) receiver.dataReadable(this, count);
      },
      onDone: (error) => this.done(error !== null && error !== undefined),
    };
    if (body !== undefined) request.onWritable = this.sender(body);
    try {
      this.request = this.client.request(request);
    } catch (error) {
      // Nobody else holds the client: its connection would stay open for ever.
      this.close();
      throw error;
    }
  }

  read(into: Uint8Array): number {
    return this.over ? 0 : (this.request.read(into) ?? 0);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.client.close();
  }

  /** Writes the body as fast as the client takes it. */
  private sender(body: Uint8Array): (count: number) => void {
    let sent = 0;
    return (count) => {
      if (this.over || sent >= body.length) return;
      const end = Math.min(body.length, sent + count);
      this.request.write(body.subarray(sent, end));
      sent = end;
    };
  }

  private done(failed: boolean): void {
    if (this.over) return;
    this.close();
    this.receiver.ended(this, failed);
  }
}

/** Http of the HAL over an ECMA-419 HTTP client class, whose sockets speak `scheme`. */
export class ClientHttp implements Http {
  readonly scheme: HttpScheme;
  private readonly Client: HttpClientClass;

  constructor(Client: HttpClientClass, scheme: HttpScheme) {
    this.Client = Client;
    this.scheme = scheme;
  }

  request(options: HttpRequestOptions, receiver: HttpReceiver): HttpRequest {
    return new ClientExchange(this.Client, options, receiver);
  }
}
