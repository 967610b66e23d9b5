/**
 * Polling: asks for the offer (the envelope itself, read into the work buffer), authenticates it,
 * judges it, and says which event that is.
 */
import { equalBytes, hex } from "../bytes.js";
import { digestOf } from "../crypto/digest.js";
import { verifyEd25519 } from "../crypto/ed25519.js";
import type { HttpHeaders, HttpRequest } from "../hal.js";
import { emptyConfirmed, phases } from "../journal/records.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import {
  type AuthenticManifest,
  authenticate,
  releaseDigest,
  type SignatureVerifier,
} from "../suit/envelope.js";
import { parseManifest, type Release } from "../suit/manifest.js";
import { classIdOf, vendorIdOf } from "../suit/uuid5.js";
import { isBadDigest, type Judgement, judge } from "./checks.js";
import type { AgentContext } from "./context.js";
import { retryAfterMs } from "./download.js";
import { type Exchange, type ExchangeHandler, exchangeWith, problemAt } from "./exchange.js";
import { identityOf } from "./facts.js";
import { tryFeed, tryLog } from "./host.js";
import { defaults } from "./options.js";
import { resolveUri } from "./url.js";

/** What came of asking: an envelope, none, one that is too big, or no usable answer. */
type OfferAnswer = "envelope" | "none" | "too-big" | "unreachable";

/** A refused offer as its report names it. */
export interface Refusal {
  readonly reason: Reason;
  readonly manifestDigest: Uint8Array;
  readonly sequenceNumber: number;
}

export class Poller implements ExchangeHandler {
  private readonly context: AgentContext;
  /** The last offer that was refused. */
  refusal: Refusal | null = null;
  private exchange: Exchange | null = null;
  private answer: OfferAnswer = "unreachable";
  /** The first bytes of an envelope lie in the buffer. */
  private length = 0;
  private retryMs = 0;
  /** Polls in a row that did not name the release under way. */
  private absences = 0;
  /** The last manifest of this boot that was authentic: the same one needs no check again. */
  private lastAuthentic: AuthenticManifest | null = null;
  /** Signature checks in the hour that ends then. */
  private checks = 0;
  private hourEndsMs = 0;

  constructor(context: AgentContext) {
    this.context = context;
  }

  /** Starts a poll; its answer is posted as an event. */
  fetchOffer(): void {
    this.context.servers.begin();
    this.retryMs = 0;
    this.ask();
  }

  private ask(): void {
    const context = this.context;
    const confirmed = context.journal.confirmed;
    const headers = new Map<string, string>();
    headers.set("daruma-device", context.hal.deviceId());
    headers.set("daruma-profile", `${limits.profileMax}`);
    if (confirmed !== null) {
      headers.set("daruma-release", hex(confirmed.manifestDigest));
      headers.set("daruma-sequence", `${context.journal.sequenceFloor}`);
    }
    this.exchange?.close();
    this.answer = "unreachable";
    this.length = 0;
    this.exchange = exchangeWith(context, this, "latest.suit", headers);
  }

  headersReceived(status: number, headers: HttpHeaders): void {
    if (status === 200) this.answer = "envelope";
    else if (status === 204 || status === 404) this.end("none", `status ${status}`);
    else this.end("unreachable", `status ${status}`, retryAfterMs(headers));
  }

  dataReadable(source: HttpRequest, countBytes: number): void {
    let count = countBytes;
    while (count > 0) {
      const start = this.length;
      const end = Math.min(start + count, limits.envelopeBytesMax);
      if (end <= start) return this.end("too-big");
      const got = source.read(this.context.buffer.subarray(start, end));
      if (got <= 0) return;
      this.length += got;
      count -= got;
    }
  }

  /** The last word of the exchange, whether the server has more to say or not. */
  private end(answer: OfferAnswer, why = "", retryMs = 0): void {
    this.answer = answer;
    // Of several servers the longest pause counts that one asks for.
    this.retryMs = Math.max(this.retryMs, retryMs);
    this.exchange?.end(false, why);
  }

  ended(failed: boolean, error: string): void {
    if (failed && this.answer === "envelope") this.answer = "unreachable";
    this.exchange = null;
    this.context.enter(() => this.conclude(error));
  }

  private conclude(error: string): void {
    const context = this.context;
    const answer = this.answer;
    if (answer === "envelope") return this.envelope();
    if (answer === "too-big") return this.refuse("envelope-too-big", null);
    if (answer === "none") {
      if (context.state === "writing") return this.absent();
      if (context.state === "ready") {
        context.servers.heard("");
        return context.post("nothingNew");
      }
    }
    if (this.askNext(error)) return;
    context.retryAfterMs = this.retryMs;
    context.post("serverFailed");
  }

  private envelope(): void {
    const context = this.context;
    const { hal, options, state, buffer } = context;
    const isAsking = state === "ready" || state === "writing";
    const digest = releaseDigest(buffer, this.length, hal.digest);
    if (typeof digest === "string") return this.refuse(digest, null);
    if (this.isKnown(digest, isAsking)) {
      this.reached();
      if (!isAsking) return context.post("serverReached");
      return state === "writing" ? this.absent() : context.post("nothingNew");
    }
    const last = this.lastAuthentic;
    const isLast = last !== null && equalBytes(last.digest, digest);
    if (!isLast && !this.mayCheck()) return context.post("serverFailed");
    const alive = (): void => {
      if (state === "trial") tryFeed(hal);
    };
    const verify = options.verifySignature ?? verifyEd25519;
    const check: SignatureVerifier = (publicKey, signature, message) => {
      this.checks++;
      alive();
      return verify(publicKey, signature, message, hal.digest, alive);
    };
    const authentic = authenticate(
      buffer,
      this.length,
      options.trustAnchors,
      hal.digest,
      check,
      last,
    );
    if (typeof authentic === "string") return this.refuse(authentic, null);
    this.reached();
    this.lastAuthentic = authentic;
    // Any authentic envelope proves that this image reaches the update server; in a trial nothing
    // else is asked.
    if (!isAsking) return context.post("serverReached");
    const release = parseManifest(authentic);
    if (typeof release === "string") return this.refuse(release, null);
    this.judged(release, this.judge(release));
  }

  /**
   * True for a release that needs no signature, because nothing is accepted for it: the confirmed
   * one, and one that failed here, or is under way, and of which nothing more is asked.
   */
  private isKnown(digest: Uint8Array, isAsking: boolean): boolean {
    const journal = this.context.journal;
    const { confirmed, attempt } = journal;
    if (confirmed !== null && equalBytes(confirmed.manifestDigest, digest)) return true;
    if (isAsking) return isBadDigest(digest, journal.bad);
    return attempt !== null && equalBytes(attempt.manifestDigest, digest);
  }

  /** False when this hour's checks are used up: forgeries may come as often as one asks. */
  private mayCheck(): boolean {
    const nowMs = this.context.hal.timers.nowMs();
    if (nowMs >= this.hourEndsMs) {
      this.hourEndsMs = nowMs + 3_600_000;
      this.checks = 0;
    }
    if (this.checks + limits.signaturesMax <= defaults.checksPerHourMax) return true;
    tryLog(this.context.hal, "offer: not checked, too many were in this hour");
    return false;
  }

  private judge(release: Release): Judgement {
    if (release.profile > limits.profileMax) return "manifest-unsupported";
    const context = this.context;
    const { device, journal, options } = context;
    const { digest } = context.hal;
    const confirmed = journal.confirmed ?? emptyConfirmed();
    const isNew = context.state === "ready";
    const vendorId = vendorIdOf(options.vendor, digest);
    const judgement = judge(release, {
      vendorId,
      classId: classIdOf(vendorId, options.deviceClass, digest),
      chipId: device.chipId,
      slotSizeBytes: device.targetSizeBytes,
      sequenceFloor: journal.sequenceFloor,
      confirmedManifest: confirmed.manifestDigest,
      confirmedImage: confirmed.imageDigest,
      knownBad: journal.bad,
      // An attempt that is under way has its own slot, and its end.
      targetIsConfirmed: isNew && journal.confirmed?.slot === device.targetSlot,
    });
    if (judgement !== "accept") return judgement;
    // Not while one is under way: what was begun under other facts is finished, not left half-way.
    if (isNew && !context.mayInstall) return "rollback-unavailable";
    if (resolveUri(context.server, release.uri) === null) return "uri-unsupported";
    return options.veto?.(release) === true ? "vetoed" : "accept";
  }

  private judged(release: Release, judgement: Judgement): void {
    const context = this.context;
    const attempt = context.state === "writing" ? context.journal.attempt : null;
    if (judgement === "repair-first") return context.post("knownGoodLost");
    if (judgement === "nothing-new" || judgement === "known-bad") {
      return attempt === null ? context.post("nothingNew") : this.absent();
    }
    const isInstalled = judgement === "installed";
    if (!isInstalled && judgement !== "accept") return this.refuse(judgement, release);
    if (attempt !== null) {
      // It may be a replay of one that was good yesterday.
      if (release.sequenceNumber < attempt.sequenceNumber) return this.absent();
      const isSame = equalBytes(attempt.manifestDigest, release.manifestDigest);
      if (isInstalled || !isSame) return context.post("offerReplaced", "superseded");
    }
    if (!isInstalled) return this.accepted(release, attempt === null);
    this.keepInstalled(release);
    context.post("offerInstalled", "already-installed");
  }

  /** Nothing speaks against it but what updates have cost before. */
  private accepted(release: Release, isNew: boolean): void {
    const context = this.context;
    const progress = context.journal.progressOf(release.manifestDigest);
    const held = context.ledger.hold(release, isNew, progress?.writtenBytes ?? 0);
    // What waits for its next try was told as failed.
    if (held === "retry-held" && isNew) return context.post("nothingNew", held);
    if (held !== "") return this.refuse(held, release);
    context.release = release;
    this.absences = 0;
    context.post("offerAccepted");
  }

  /** An envelope of the server in use is believed. */
  private reached(): void {
    const context = this.context;
    context.ledger.reached();
    // While a download is under way its bytes are the answer that counts.
    if (context.state !== "writing") context.servers.heard("");
  }

  /**
   * The server in use has nothing to go by, for this reason if it is its fault: the next one is
   * asked, each once per poll. False when all were asked.
   */
  private askNext(error: string): boolean {
    const servers = this.context.servers;
    if (error !== "") servers.heard(error);
    const isOther = servers.next(true);
    if (isOther) this.ask();
    return isOther;
  }

  /**
   * The release under way is not offered. One such answer may be a proxy's, a portal's or an old
   * one that is replayed; the download ends when it is repeated.
   */
  private absent(): void {
    if (this.askNext("")) return;
    if (++this.absences < defaults.absencesMax) return this.context.post("serverFailed");
    this.absences = 0;
    this.context.post("offerReplaced", "withdrawn");
  }

  /** The offered image runs already (flashed by cable): only its release is recorded. */
  private keepInstalled(release: Release): void {
    const context = this.context;
    const slot = context.device.runningSlot;
    const attempt = context.journal.newAttempt(release, slot, release.sequenceNumber);
    attempt.phase = phases.confirming;
    attempt.identity = identityOf(context.hal.boot.openSlot(slot), release.imageSizeBytes);
    context.journal.attempt = attempt;
  }

  private refuse(reason: Reason, release: Release | null): void {
    const context = this.context;
    if (release === null && this.askNext(problemAt(context.server, reason))) return;
    // A bad answer must not end a download or a trial that is under way: it is asked again.
    if (context.state !== "ready") return context.post("serverFailed");
    this.refusal = {
      reason,
      // What was refused before it was authentic has no manifest digest to be named by.
      manifestDigest:
        release?.manifestDigest ??
        digestOf(context.hal.digest, "SHA256", context.buffer.subarray(0, this.length)),
      sequenceNumber: release?.sequenceNumber ?? 0,
    };
    context.post("offerRefused", reason);
  }
}
