/** Integer labels of draft-ietf-suit-manifest-37, its companions and COSE that the profile uses. */

// RFC 9052 4.2, RFC 9052 3.1, RFC 9864 2.2, RFC 9054.
export const tagCoseSign1 = 18;
export const coseAlgorithm = 1;
export const coseKeyId = 4;
export const algorithmEd25519 = -19;
/** Deprecated by RFC 9864 for -19, but what older signing tools write. */
export const algorithmEdDsa = -8;
export const algorithmSha256 = -16;

export const tagEnvelope = 107;
export const envelopeAuthentication = 2;
export const envelopeManifest = 3;

export const manifestVersion = 1;
export const manifestSequenceNumber = 2;
export const manifestCommon = 3;
export const manifestComponentId = 5;
export const manifestSetVersion = 6;
export const manifestValidate = 7;
export const manifestInvoke = 9;
export const manifestInstall = 20;

export const commonComponents = 2;
export const commonSharedSequence = 4;

export const conditionVendor = 1;
export const conditionClass = 2;
export const conditionImageMatch = 3;
export const directiveOverrideParameters = 20;
export const directiveFetch = 21;
export const directiveInvoke = 23;

export const parameterVendor = 1;
export const parameterClass = 2;
export const parameterImageDigest = 3;
export const parameterImageSize = 14;
export const parameterUri = 21;

/** Reporting policy: record success and failure, each with system information. */
export const policyCondition = 15;
/** Reporting policy: record failure. */
export const policyDirective = 2;

/** draft-ietf-suit-update-management-11 suit-parameter-version: pre-release indicators. */
export const preReleaseCandidate = -1;
export const preReleaseBeta = -2;
export const preReleaseAlpha = -3;
