/**
 * The manifest of the full-image profile: one component ['fw'], fetched from one URI. It is walked
 * once without acting on anything; the profile fixes which commands each sequence holds and in
 * which order, so a manifest that means the same in another shape is refused as well.
 *
 *     { 1: 1, 2: sequence number,
 *       3: << { 2: [['fw']], 4: << [20, {1: vendor, 2: class, 3: << digest >>, 14: size},
 *                                   1, 15, 2, 15] >> } >>,
 *       5: ['fw'], 6: << version >>, 7: << [3, 15] >>, 9: << [23, 2] >>,
 *       20: << [20, {21: uri, ? -258: chip id}, 21, 2, 3, 15] >>, ? -259: profile number }
 */

import { CborReader } from "../cbor/reader.js";
import { limits } from "../limits.js";
import type { Reason } from "../reasons.js";
import type { AuthenticManifest } from "./envelope.js";
import { label } from "./labels.js";

/** What a signed manifest says; owns its bytes, so the buffer of the envelope can be used again. */
export interface Release {
  /** SHA-256 of the manifest, 32 bytes; identifies the release. */
  readonly manifestDigest: Uint8Array;
  /** The lowest profile whose agents can read it: 1 when the manifest does not tell. */
  readonly profile: number;
  /** 1..2^53-1; compared, never shown as a version. */
  readonly sequenceNumber: number;
  /** UUID, 16 bytes. */
  readonly vendorId: Uint8Array;
  /** UUID, 16 bytes. */
  readonly classId: Uint8Array;
  /** SHA-256 of the image, 32 bytes. */
  readonly imageDigest: Uint8Array;
  /** 1..2^53-1. */
  readonly imageSizeBytes: number;
  /** Chip id of the image header; -1 when the manifest does not tell. */
  readonly chipId: number;
  /** 1..256 printable ASCII characters without a space. */
  readonly uri: string;
  /** For people, at most 32 characters, e.g. "1.4.0-rc.1". */
  readonly versionText: string;
}

/** Three numbers, an indicator and its number. */
const versionNumbersMax = 5;

type Sequence = readonly number[];
const sequence = (...labels: number[]): Sequence => Object.freeze(labels);

const sharedSequence = sequence(
  label.directiveOverrideParameters,
  label.conditionVendor,
  label.conditionClass,
);
const validateSequence = sequence(label.conditionImageMatch);
const invokeSequence = sequence(label.directiveInvoke);
const installSequence = sequence(
  label.directiveOverrideParameters,
  label.directiveFetch,
  label.conditionImageMatch,
);
const sharedParameters = sequence(
  label.parameterVendor,
  label.parameterClass,
  label.parameterImageDigest,
  label.parameterImageSize,
);
const installParameters = sequence(label.parameterUri, label.parameterImageChip);
const noParameters = sequence();
/** True for every command of the profile. */
function isCommand(command: number): boolean {
  if (sharedSequence.includes(command) || invokeSequence.includes(command)) return true;
  return installSequence.includes(command);
}

/** True for every parameter of the profile. */
function isParameter(key: number): boolean {
  return sharedParameters.includes(key) || installParameters.includes(key);
}

/**
 * Reads an authenticated manifest; `manifest-malformed` or `manifest-unsupported` when refused. The
 * caller compares the profile with its own.
 */
export function parseManifest(manifest: AuthenticManifest): Release | Reason {
  return readManifest(manifest.bytes, manifest.start, manifest.end, manifest.digest);
}

/**
 * Reads `bytes[start, end)` as a manifest without asking whether it is authentic, or meant for
 * newer agents: for tools that describe or offer an envelope. A device calls `parseManifest`.
 */
export function readManifest(
  bytes: Uint8Array,
  start: number,
  end: number,
  manifestDigest: Uint8Array,
): Release | Reason {
  const walk = new Walk(new CborReader(bytes, start, end), manifestDigest.slice());
  walk.manifest();
  if (walk.unsupported) return "manifest-unsupported";
  return walk.reader.atEnd ? walk.release : "manifest-malformed";
}

type Draft = { -readonly [field in keyof Release]: Release[field] };

/** One pass over a manifest: the reader and what it has met. */
class Walk {
  readonly reader: CborReader;
  readonly release: Draft;
  unsupported = false;

  constructor(reader: CborReader, manifestDigest: Uint8Array) {
    this.reader = reader;
    this.release = {
      manifestDigest,
      profile: 1,
      sequenceNumber: 0,
      vendorId: manifestDigest,
      classId: manifestDigest,
      imageDigest: manifestDigest,
      imageSizeBytes: 0,
      chipId: -1,
      uri: "",
      versionText: "",
    };
  }

  manifest(): void {
    const reader = this.reader;
    const count = reader.map(limits.mapEntriesMax);
    let key: number | undefined;
    for (let i = 0; i < count && !reader.failed; i++) {
      key = reader.key(key);
      switch (key) {
        case label.manifestVersion:
          // draft-ietf-suit-manifest-37 8.4.1: the only version is 1.
          this.support(reader.uint() === 1);
          break;
        case label.manifestSequenceNumber:
          this.release.sequenceNumber = reader.uint();
          reader.expect(this.release.sequenceNumber > 0);
          break;
        case label.manifestCommon:
          this.common();
          break;
        case label.manifestComponentId:
          this.componentId();
          break;
        case label.manifestSetVersion:
          this.release.versionText = readVersion(reader);
          break;
        case label.manifestValidate:
          this.sequence(validateSequence, noParameters);
          break;
        case label.manifestInvoke:
          this.sequence(invokeSequence, noParameters);
          break;
        case label.manifestInstall:
          this.sequence(installSequence, installParameters);
          break;
        case label.manifestProfile:
          this.release.profile = reader.uint();
          break;
        default:
          this.support(false);
      }
    }
    // All keys are known and each came once, so the count tells that all are there. Profile 1 is
    // told by the absence of its key only.
    reader.expect(count === (this.release.profile > 1 ? 9 : 8));
  }

  /** Refuses as unsupported, unless the reader failed before: then the bytes are malformed. */
  private support(holds: boolean): void {
    if (holds || this.reader.failed) return;
    this.unsupported = true;
    this.reader.expect(false);
  }

  private common(): void {
    const reader = this.reader;
    const outerEnd = reader.enter();
    const count = reader.map(limits.mapEntriesMax);
    let key: number | undefined;
    for (let i = 0; i < count && !reader.failed; i++) {
      key = reader.key(key);
      if (key === label.commonComponents) {
        this.support(reader.array(limits.componentsMax) === 1);
        this.componentId();
      } else if (key === label.commonSharedSequence) {
        this.sequence(sharedSequence, sharedParameters);
      } else {
        // Key 1 is dependencies (draft-ietf-suit-trust-domains): another manifest's commands.
        this.support(false);
      }
    }
    reader.expect(count === 2);
    reader.leave(outerEnd);
  }

  /** ['fw'] */
  private componentId(): void {
    const reader = this.reader;
    this.support(reader.array(limits.componentPartsMax) === 1);
    const part = reader.byteString();
    this.support(part.length === 2 && part[0] === 0x66 && part[1] === 0x77);
  }

  /** A sequence that holds exactly the commands of `expected`, in that order. */
  private sequence(expected: Sequence, parametersHere: Sequence): void {
    const reader = this.reader;
    const outerEnd = reader.enter();
    const count = reader.array(2 * limits.commandsMax);
    for (let i = 0; 2 * i < count && !reader.failed; i++) {
      const command = reader.int();
      // draft-ietf-suit-manifest-37 8.4.4: an unknown command rejects the manifest.
      this.support(isCommand(command));
      reader.expect(command === expected[i]);
      if (command === label.directiveOverrideParameters) this.overrideParameters(parametersHere);
      else {
        const directive = command === label.directiveFetch || command === label.directiveInvoke;
        reader.expect(
          reader.uint() === (directive ? label.policyDirective : label.policyCondition),
        );
      }
    }
    reader.expect(count === 2 * expected.length);
    reader.leave(outerEnd);
  }

  /** A map of exactly the parameters of `expected`. */
  private overrideParameters(expected: Sequence): void {
    const reader = this.reader;
    const count = reader.map(limits.mapEntriesMax);
    let key: number | undefined;
    for (let i = 0; i < count && !reader.failed; i++) {
      key = reader.key(key);
      this.support(isParameter(key));
      reader.expect(expected.includes(key));
      switch (key) {
        case label.parameterVendor:
          this.release.vendorId = reader.byteStringOf(16).slice();
          break;
        case label.parameterClass:
          this.release.classId = reader.byteStringOf(16).slice();
          break;
        case label.parameterImageDigest:
          this.digest();
          break;
        case label.parameterImageSize:
          this.release.imageSizeBytes = reader.uint();
          reader.expect(this.release.imageSizeBytes > 0);
          break;
        case label.parameterUri:
          this.release.uri = reader.text(limits.uriBytesMax);
          reader.expect(this.release.uri !== "" && !this.release.uri.includes(" "));
          break;
        case label.parameterImageChip:
          this.release.chipId = reader.uint();
          reader.expect(this.release.chipId <= 0xffff);
          break;
      }
    }
    // Each key came once and is expected, so the count tells that all are there: but for the chip.
    const optional = expected === installParameters && this.release.chipId < 0 ? 1 : 0;
    reader.expect(count === expected.length - optional);
  }

  /** << [-16, digest] >> */
  private digest(): void {
    const reader = this.reader;
    const outerEnd = reader.enter();
    reader.expect(reader.array(2) === 2);
    this.support(reader.int() === label.algorithmSha256);
    this.release.imageDigest = reader.byteStringOf(32).slice();
    reader.leave(outerEnd);
  }
}

/**
 * Reads a byte string that holds a version as draft-ietf-suit-update-management-11 encodes it
 * (suit-parameter-version); returns its text. One to three numbers, then for a pre-release -1 (rc),
 * -2 (beta) or -3 (alpha) and at most one number: [1, 4, 0] is "1.4.0", [1, 4, 0, -1, 2] is
 * "1.4.0-rc.2". For people; never compared.
 */
function readVersion(reader: CborReader): string {
  const outerEnd = reader.enter();
  const count = reader.array(versionNumbersMax);
  reader.expect(count > 0);
  let text = "";
  // Numbers that may still come before an indicator, then after it.
  let room = 3;
  let released = true;
  for (let i = 0; i < count && !reader.failed; i++) {
    const value = reader.int();
    if (value < 0) {
      const word = preReleaseWord(value);
      // The indicator MUST NOT be element 0.
      reader.expect(i > 0 && released && word !== "");
      text += word;
      released = false;
      room = 1;
    } else {
      reader.expect(room > 0);
      room--;
      text += i === 0 ? String(value) : `.${value}`;
    }
  }
  reader.expect(text.length <= limits.versionTextBytesMax);
  reader.leave(outerEnd);
  return text;
}

function preReleaseWord(indicator: number): string {
  if (indicator === label.preReleaseCandidate) return "-rc";
  if (indicator === label.preReleaseBeta) return "-beta";
  return indicator === label.preReleaseAlpha ? "-alpha" : "";
}
