/** Every bound of the agent, with its unit and its reason. SUIT profile limits: one place only. */

/** An envelope without integrated payloads; the one work buffer must hold it. */
export const envelopeBytesMax = 4096;
/** COSE_Sign1 blocks in one envelope. */
export const signaturesMax = 4;
/** Ed25519 verifications spent on one envelope: each takes about a second on an ESP32. */
export const verificationsMax = 8;
/** Components in one manifest. */
export const componentsMax = 8;
/** Parts of a component identifier, and the length of each. */
export const componentPartsMax = 4;
export const componentPartBytesMax = 32;
/** Payload URI; printable ASCII. */
export const uriBytesMax = 256;
/** Location of a redirect: signed addresses of content networks have 700 to 900 characters. */
export const locationBytesMax = 2048;
/** Status line and headers of an answer, which the SDK's client keeps in RAM; lines cost slots. */
export const headBytesMax = 4096;
export const headLinesMax = 64;
/** Commands in one sequence. */
export const commandsMax = 64;
/** Entries of any map in an envelope. */
export const mapEntriesMax = 16;
/** Version text shown to people. */
export const versionTextBytesMax = 32;
/** Why JavaScript aborted, as one line of printable ASCII. */
export const abortCharsMax = 96;
/** Trust anchors configured on a device. */
export const trustAnchorsMax = 8;

/** The one work buffer: one flash block. */
export const workBufferBytes = 4096;
/** First bytes of an image, written last: without them the bootloader refuses the slot. */
export const heldHeadBytes = 16;
/** Progress is journalled once per this many payload bytes; also the most that a cut loses. */
export const progressBytes = 65536;
/** Releases remembered as bad by digest; older ones are covered by their sequence number. */
export const knownBadMax = 8;
/** A journal record: bounds the read buffer. */
export const recordBytesMax = 320;
