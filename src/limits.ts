/** Every bound of the agent, with its unit and its reason. SUIT profile limits: one place only. */
export const limits = Object.freeze({
  /** An envelope without integrated payloads; the one work buffer must hold it. */
  envelopeBytesMax: 4096,
  /**
   * The newest manifest profile that this agent reads. A server takes a request without the header
   * for one of profile 1: an agent of a higher one sends it with payload requests too.
   */
  profileMax: 1,
  /** COSE_Sign1 blocks in one envelope, and Ed25519 verifications spent on it: about 1 s each. */
  signaturesMax: 4,
  /** Components in one manifest. */
  componentsMax: 8,
  /** Parts of a component identifier. */
  componentPartsMax: 4,
  /** Commands in one sequence. */
  commandsMax: 64,
  /** Entries of any map in an envelope. */
  mapEntriesMax: 16,
  /** Version text shown to people. */
  versionTextBytesMax: 32,
  /** Payload URI; printable ASCII. */
  uriBytesMax: 256,
  /** Location of a redirect: signed addresses of content networks have 700 to 900 characters. */
  locationBytesMax: 2048,
  /** Status line and headers of an answer, which the client keeps in RAM; lines cost slots. */
  headBytesMax: 4096,
  headLinesMax: 64,
  /** Why JavaScript aborted, as one line of printable ASCII. */
  abortCharsMax: 96,
  /** What is wrong with a connection, as one line of printable ASCII. */
  connectionCharsMax: 64,
  /** Update servers configured on a device. */
  serversMax: 4,
  /** Trust anchors configured on a device. */
  trustAnchorsMax: 8,

  /** The one work buffer: one flash block. */
  workBufferBytes: 4096,
  /** First bytes of an image, written last: without them the bootloader refuses the slot. */
  heldHeadBytes: 16,
  /** Progress is journalled once per this many payload bytes; also the most that a cut loses. */
  progressBytes: 65536,
  /** Releases remembered as bad by digest; older ones are covered by their sequence number. */
  knownBadMax: 8,
  /** A journal record: bounds the read buffer. */
  recordBytesMax: 320,
});
