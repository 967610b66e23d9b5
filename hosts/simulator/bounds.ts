/**
 * What the checkers hold a device to, as numbers of their own: none is taken from the product, so
 * that a bound which is loosened there is noticed here.
 */

/** Loss after a cut: at most so much is downloaded again. */
export const lossBytesMax = 65_536;
/** One progress record per so many payload bytes. */
export const progressStepBytes = 65_536;
/** Journal writes of a good update without its progress. */
export const updateWritesMax = 7;
/** Attempts at one release that fail for another reason than the release. */
export const attemptsMax = 3;
/** Times that a whole image may turn out damaged within one attempt. */
export const damagesMax = 3;
/**
 * Timers at once of an agent and one of our own firmwares: 6 are the most that any sweep has seen.
 */
export const timersMax = 9;
/** Requests in any minute of a boot; an exchange with as many redirects as it takes has 4. */
export const requestsMax = 48;
/** An offer or a report is read for so long at most. */
export const exchangeMsMax = 90_000;
/** A payload: so long, and a second more for each KB, with a tenth on top. */
export const payloadMsMax = 150_000;
export const payloadMsPerByte = 1.1;
/** The head of an image, which is programmed last. */
export const heldHeadBytes = 16;
