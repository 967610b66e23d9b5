/**
 * What OpenSSL's command line (3.0) wrote, kept here so that the tests need no openssl: keys that
 * sign nothing but this. The commands stand beside each; .ci/run asks a real openssl again.
 */

function pem(kind: string, ...lines: readonly string[]): string {
  return [`-----BEGIN ${kind}-----`, ...lines, `-----END ${kind}-----`, ""].join("\n");
}

/** openssl genpkey -algorithm ed25519 -out a.key */
export const ed25519Private = pem(
  "PRIVATE KEY",
  "MC4CAQAwBQYDK2VwBCIEINeA+DrdNj1qMN49UOjp8gHuYWPl/O0Jr+uJ13TEHRSJ",
);

/** openssl pkey -in a.key -pubout -out a.pub */
export const ed25519Public = pem(
  "PUBLIC KEY",
  "MCowBQYDK2VwAyEAJFTTLyuFqzIn5a+v45veCgwVfXyeBxHGJrQYpgpv6o8=",
);

/** printf 'a release' > m; openssl pkeyutl -sign -inkey a.key -rawin -in m | xxd -p */
export const signatureHex =
  "fcc0e637e5d855ba60f0fdc13154b0b7bb1e62397e8912b040154e50bfa5a728" +
  "71ffeae6f95b8b146953d36e3d5e9c01f6b203ebd1dc4018d19d4f887c2f4c07";

/** openssl genpkey -algorithm ed25519 -aes256 -pass pass:x */
export const encryptedPrivate = pem(
  "ENCRYPTED PRIVATE KEY",
  "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh/O3ONQhULXgICCAAw",
  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMrinnkeBIEaJtnAD2vzJAQEQO9L",
  "CGH0Aip/9HtInMaxrwOFagJrduw7wurCIBR/qs3+V2d4J155zX1fG3YqLDlzN88K",
  "jZvqQW6hmMct5+APTrk=",
);

/** openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 */
export const p256Private = pem(
  "PRIVATE KEY",
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPCXJEHeVp3r6pGrx",
  "rQqwXqev8JEAqQTAWOAnNQJZze+hRANCAARlkHwOoX5GkwKoSPrMEADz6POujbKM",
  "c3kWHrklWHcAV13AwzFLp4Cqb1PxX7+cXNQXDl5B9KOhdQGrZ2mSeWT7",
);

/** openssl genpkey -algorithm x25519 */
export const x25519Private = pem(
  "PRIVATE KEY",
  "MC4CAQAwBQYDK2VuBCIEIBDEswi1YEZRs7dg2c5VjVbHTVZw1OXrZzqRkbJ8iU9C",
);
