/**
 * The agent's HTTP over the ECMA-419 client: one client and one connection per request, always
 * closed afterwards. The client has no timeouts, may report an error twice (request and client),
 * and never finishes some answers; the agent's own deadlines close it then. Of an answer that is
 * chunked the body is not taken.
 */
import type {
  Http,
  HttpHeaders,
  HttpReceiver,
  HttpRequest,
  HttpRequestOptions,
  HttpScheme,
} from "../../src/hal.js";
import type { ClientRequest, HttpClientClass, HttpClientInstance } from "./platform.js";

/** A request with whom it is for. The client calls back with it for `this`: no closures, no RAM. */
interface OwnedRequest extends ClientRequest {
  exchange?: ClientExchange;
}

function onHeaders(this: OwnedRequest, status: number, headers: HttpHeaders): void {
  this.exchange?.headersReceived(status, headers);
}

function onReadable(this: OwnedRequest, countBytes: number): void {
  this.exchange?.dataReadable(countBytes);
}

function onWritable(this: OwnedRequest, countBytes: number): void {
  this.exchange?.send(countBytes);
}

function onDone(this: OwnedRequest, error: unknown): void {
  this.exchange?.done(error !== null && error !== undefined, error);
}

class ClientExchange implements HttpRequest {
  private readonly receiver: HttpReceiver;
  private readonly client: HttpClientInstance;
  private readonly request: OwnedRequest;
  private readonly body: Uint8Array | undefined;
  /** See HttpRequest. */
  error = "";
  private sentBytes = 0;
  private over = false;

  constructor(Client: HttpClientClass, options: HttpRequestOptions, receiver: HttpReceiver) {
    const { hostname, port, method, path, headers, body } = options;
    this.receiver = receiver;
    this.body = body;
    this.client = new Client({ host: hostname, port, onError: (error) => this.done(true, error) });
    try {
      const callbacks = { onHeaders, onReadable, onWritable, onDone };
      this.request = this.client.request({ method, path, headers, ...callbacks });
      this.request.exchange = this;
    } catch (error) {
      // Nobody else holds the client: its connection would stay open for ever.
      this.close();
      throw error;
    }
  }

  get phase(): string | undefined {
    return this.client.guardGate?.phase;
  }

  read(into: Uint8Array): number {
    return this.over ? 0 : (this.request.read(into) ?? 0);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.client.close();
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    if (this.over) return;
    // Once a chunk is read, SDK 8.2's client goes on from a timer of its own, where no guard is:
    // there it throws (a trailer), or reads without end (data came before the timer).
    const isRead = status < 300 && this.body === undefined;
    if (isRead && headers.has("transfer-encoding")) this.done(true, new Error("chunked"));
    else this.receiver.headersReceived(this, status, headers);
  }

  dataReadable(countBytes: number): void {
    if (!this.over) this.receiver.dataReadable(this, countBytes);
  }

  /** Sends as much of the body as the client takes. */
  send(countBytes: number): void {
    const { body, sentBytes } = this;
    if (this.over || body === undefined || sentBytes >= body.length) return;
    const end = Math.min(body.length, sentBytes + countBytes);
    this.request.write(body.subarray(sentBytes, end));
    this.sentBytes = end;
  }

  /** SDK 8.2's client tells a failure twice, and why only the second time, if at all. */
  done(failed: boolean, error: unknown): void {
    const why = this.client.guardGate?.error ?? error;
    if (failed && this.error === "" && why instanceof Error) this.error = why.message;
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
