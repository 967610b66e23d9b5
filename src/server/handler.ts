/**
 * The update server without its sockets: one request in, one response out. It runs behind node:http
 * and, against virtual time, inside the simulator.
 */

import { asciiBytes } from "../bytes.js";
import type { DigestFactory } from "../crypto/digest.js";
import { type Body, bytesBody, sliceBody } from "./body.js";
import { type Asker, classIdsOf, offerFor, payloadOwner, type ReleaseStore } from "./catalog.js";
import { isDeviceId, type ReportDecoder, reportBytesMax, reportKey } from "./report.js";
import { profileOf, type Route, routeOf } from "./route.js";
import { etagOfBytes, select } from "./selection.js";
import { type DeviceSighting, statusOf, statusText } from "./status.js";

export interface ServerRequest {
  /** Upper case, as on the wire. */
  readonly method: string;
  /** Request target in origin form, undecoded: starts with "/". */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** At most `reportBytesMax + 1` bytes are looked at. */
  readonly body: Uint8Array;
}

export interface ServerResponse {
  readonly status: number;
  /** Names in lower case; `content-length` is always there (for HEAD and 304: that of the 200). */
  readonly headers: Map<string, string>;
  /** Empty for HEAD, 204 and 304. */
  readonly body: Body;
}

export interface UpdateServerOptions {
  /** Milliseconds since 1970, or of virtual time; stamps sightings and reports. */
  nowMs(): number;
  readonly decodeReport: ReportDecoder;
  /** Devices remembered for the status page; the longest unseen is forgotten. Default 10000. */
  readonly devicesMax?: number;
}

export class UpdateServer {
  readonly #store: ReleaseStore;
  readonly #digest: DigestFactory;
  readonly #options: UpdateServerOptions;
  readonly #devices = new Map<string, DeviceSighting>();
  readonly #reportKeys: Set<string>;

  constructor(store: ReleaseStore, digest: DigestFactory, options: UpdateServerOptions) {
    this.#store = store;
    this.#digest = digest;
    this.#options = options;
    this.#reportKeys = new Set(store.reports().map(reportKey));
  }

  /** Answers one request. Throws only what the store throws while it looks for releases. */
  handle(request: ServerRequest): ServerResponse {
    const route = routeOf(request.path);
    if (route.kind === "bad") return textResponse(400, "bad path");
    if (route.kind === "unknown") return textResponse(404, "not found");
    if (route.kind === "reports") return this.#receive(request, route);
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    if (route.kind === "offer") return this.#offer(request, route);
    if (route.kind === "payload") return this.#payload(request, route);
    return this.#status(request, route.kind === "status-json");
  }

  #offer(request: ServerRequest, route: Route & { kind: "offer" }): ServerResponse {
    const told = askerOf(request.headers);
    const { deviceId } = told;
    const profile = route.profile ?? told.profile;
    const release = offerFor(
      this.#store,
      classIdsOf(this.#digest, route.vendor, route.deviceClass),
      { deviceId, profile },
    );
    if (deviceId !== null) {
      this.#note(deviceId, request.headers, { ...route, profile }, release?.name ?? null);
    }
    if (release === null) {
      const isPinned = deviceId !== null && this.#store.pins().has(deviceId);
      return textResponse(
        404,
        isPinned
          ? "this device is pinned to a release that is not offered for this vendor and class, " +
              `or needs more than profile ${profile}`
          : `no release for this vendor and class, or none for profile ${profile}`,
      );
    }
    const headers = new Map([
      ["content-type", "application/suit-envelope+cose"],
      ["cache-control", "no-cache"],
      // The offer may differ per device, so a shared cache must not mix them (RFC 9110 12.5.5).
      ["vary", "daruma-device, daruma-profile"],
    ]);
    return represent(request, bytesBody(release.envelope), release.etag, headers);
  }

  #payload(request: ServerRequest, route: Route & { kind: "payload" }): ServerResponse {
    const ids = classIdsOf(this.#digest, route.vendor, route.deviceClass);
    const owner = payloadOwner(this.#store, ids, askerOf(request.headers), route.uriPath);
    const opened = owner === null ? null : this.#store.openPayload(owner, route.uriPath);
    if (opened === null) return textResponse(404, "no such payload");
    const headers = new Map([
      ["content-type", "application/octet-stream"],
      // A name may get new content; a cache keeps the bytes but asks whether the tag still holds.
      ["cache-control", "no-cache"],
      ["vary", "daruma-device, daruma-profile"],
    ]);
    return represent(request, opened.body, opened.etag, headers);
  }

  #receive(request: ServerRequest, route: Route & { kind: "reports" }): ServerResponse {
    if (request.method !== "POST") return notAllowed("POST");
    if (request.body.length > reportBytesMax) {
      return textResponse(413, `a report has at most ${reportBytesMax} bytes`);
    }
    const report = this.#options.decodeReport(request.body);
    if (report === null) return textResponse(400, "report-malformed");
    const key = reportKey(report);
    // Delivery is at least once: a repeated report is acknowledged again and stored once.
    if (!this.#reportKeys.has(key)) {
      const { vendor, deviceClass } = route;
      const receivedMs = this.#options.nowMs();
      try {
        this.#store.appendReport({ ...report, vendor, deviceClass, receivedMs });
      } catch {
        const response = textResponse(503, "the report could not be stored; send it again later");
        response.headers.set("retry-after", "60");
        return response;
      }
      this.#reportKeys.add(key);
    }
    // RFC 9110 8.6 would leave the length out of a 204, but the client of the Moddable SDK waits
    // for a body until it has read a length.
    return respond(204, new Map(), bytesBody(new Uint8Array(0)));
  }

  #status(request: ServerRequest, json: boolean): ServerResponse {
    const status = statusOf(this.#devices.values(), this.#store.reports());
    const text = json ? `${JSON.stringify(status)}\n` : statusText(status, this.#options.nowMs());
    const bytes = asciiBytes(text);
    const type = json ? "application/json" : "text/plain; charset=utf-8";
    const headers = new Map([
      ["content-type", type],
      ["cache-control", "no-store"],
      ["x-content-type-options", "nosniff"],
    ]);
    return represent(request, bytesBody(bytes), etagOfBytes(this.#digest, bytes), headers);
  }

  #note(
    deviceId: string,
    headers: ReadonlyMap<string, string>,
    asked: { readonly vendor: string; readonly deviceClass: string; readonly profile: number },
    offered: string | null,
  ): void {
    const release = headers.get("daruma-release") ?? "";
    const sequence = headers.get("daruma-sequence") ?? "";
    // Deleting first keeps the map in order of last sight.
    this.#devices.delete(deviceId);
    this.#devices.set(deviceId, {
      deviceId,
      vendor: asked.vendor,
      deviceClass: asked.deviceClass,
      profile: asked.profile,
      runningRelease: /^[0-9a-f]{64}$/.test(release) ? release : null,
      runningSequence: /^\d{1,15}$/.test(sequence) ? Number(sequence) : null,
      offered,
      lastSeenMs: this.#options.nowMs(),
    });
    if (this.#devices.size > (this.#options.devicesMax ?? 10000)) {
      for (const longestUnseen of this.#devices.keys()) {
        this.#devices.delete(longestUnseen);
        break;
      }
    }
  }
}

/** The device's name for itself, if it is one; and what its agent reads, at least profile 1. */
function askerOf(headers: ReadonlyMap<string, string>): Asker {
  const deviceId = headers.get("daruma-device") ?? "";
  const profile = profileOf(headers.get("daruma-profile") ?? "") ?? 1;
  return { deviceId: isDeviceId(deviceId) ? deviceId : null, profile };
}

/** A representation under the request's preconditions and range. Takes over `body`. */
function represent(
  request: ServerRequest,
  body: Body,
  etag: string,
  headers: Map<string, string>,
): ServerResponse {
  const total = body.lengthBytes;
  const selection = select(request.method, request.headers, etag, total);
  headers.set("etag", etag);
  headers.set("accept-ranges", "bytes");
  if (selection.kind === "part") {
    const { first, lengthBytes } = selection;
    headers.set("content-range", `bytes ${first}-${first + lengthBytes - 1}/${total}`);
    return respond(206, headers, sliceBody(body, first, lengthBytes));
  }
  if (selection.kind === "whole" && request.method === "GET") return respond(200, headers, body);
  body.close();
  if (selection.kind === "unsatisfiable") {
    const response = textResponse(416, "range not satisfiable");
    // RFC 9110 14.4: the length of the whole, so that the client can ask again.
    response.headers.set("content-range", `bytes */${total}`);
    return response;
  }
  if (selection.kind === "precondition-failed") return textResponse(412, "the content has changed");
  const status = selection.kind === "not-modified" ? 304 : 200;
  const response = respond(status, headers, bytesBody(new Uint8Array(0)));
  // RFC 9110 8.6: HEAD and 304 may tell the length that the 200 to a GET would have.
  response.headers.set("content-length", String(total));
  return response;
}

function respond(status: number, headers: Map<string, string>, body: Body): ServerResponse {
  headers.set("content-length", String(body.lengthBytes));
  return { status, headers, body };
}

function textResponse(status: number, text: string): ServerResponse {
  const headers = new Map([["content-type", "text/plain; charset=utf-8"]]);
  return respond(status, headers, bytesBody(asciiBytes(`${text}\n`)));
}

function notAllowed(allow: string): ServerResponse {
  const response = textResponse(405, `this path takes ${allow}`);
  response.headers.set("allow", allow);
  return response;
}
