/**
 * Integer labels of draft-ietf-suit-manifest-37, its companions and COSE that the profile uses. The
 * one place that lists private labels (-257 and below), whatever map they stand in; none is given
 * out twice, as devices in the field keep their meaning:
 *
 *     -257  kept for a payload that is decoded on its way into the slot
 *     -258  parameterImageChip
 *     -259  manifestProfile
 */
export const label = Object.freeze({
  // RFC 9052 4.2, RFC 9052 3.1, RFC 9864 2.2, RFC 9054.
  tagCoseSign1: 18,
  coseAlgorithm: 1,
  coseKeyId: 4,
  algorithmEd25519: -19,
  /** Deprecated by RFC 9864 for -19, but what older signing tools write. */
  algorithmEdDsa: -8,
  algorithmSha256: -16,

  tagEnvelope: 107,
  envelopeAuthentication: 2,
  envelopeManifest: 3,

  manifestVersion: 1,
  manifestSequenceNumber: 2,
  manifestCommon: 3,
  manifestComponentId: 5,
  manifestSetVersion: 6,
  manifestValidate: 7,
  manifestInvoke: 9,
  manifestInstall: 20,
  /**
   * Private, a key of the manifest: the lowest profile number whose agents can read the release, 2
   * or more; an agent refuses one above its own. Absent means 1, the first agents'.
   */
  manifestProfile: -259,

  commonComponents: 2,
  commonSharedSequence: 4,

  conditionVendor: 1,
  conditionClass: 2,
  conditionImageMatch: 3,
  directiveOverrideParameters: 20,
  directiveFetch: 21,
  directiveInvoke: 23,

  parameterVendor: 1,
  parameterClass: 2,
  parameterImageDigest: 3,
  parameterImageSize: 14,
  parameterUri: 21,
  /**
   * Private: chip id of the image header, ESP-IDF esp_chip_id_t. Lets a device refuse an image for
   * another chip before it fetches a byte. Absent in manifests of other tools.
   */
  parameterImageChip: -258,

  /** Reporting policy: record success and failure, each with system information. */
  policyCondition: 15,
  /** Reporting policy: record failure. */
  policyDirective: 2,

  /** draft-ietf-suit-update-management-11 suit-parameter-version: pre-release indicators. */
  preReleaseCandidate: -1,
  preReleaseBeta: -2,
  preReleaseAlpha: -3,
} as const);
