/** Cases of the catalogue that need something which is not built, and what each one waits for. */
export const waiting: { readonly [id: string]: string } = Object.freeze({
  B7: "a second source of updates that could write the same slot",
  B13: "delta payloads, which apply to a base image",
  C9: "the trust set as a signed component: rotation and revocation of keys",
  C10: "the same: a way out for devices that a stolen key gave a huge sequence number",
  D9: "the same, for the certificate authorities of a TLS host",
  D11: "configuration as a component with one snapshot per slot",
  D16: "groups of devices that commit together",
});
