import { test } from "uvu";
import * as assert from "uvu/assert";
import { attemptIn, confirmedIn, phaseSeen } from "../../hosts/simulator/journal-view.js";
import { emptyAttempt, emptyConfirmed, encodeRecord, phases } from "../../src/journal/records.js";

const buffer = new Uint8Array(320);

test("the checkers' own decoder reads what the agent writes", () => {
  const attempt = emptyAttempt(new Uint8Array(8).fill(7));
  attempt.phase = phases.confirming;
  attempt.slot = -1;
  attempt.closed = true;
  attempt.unguarded = true;
  attempt.imageSizeBytes = 0xfedcba98;
  attempt.reason = "crashed";
  const record = buffer.slice(0, encodeRecord("attempt", attempt, buffer));
  const seen = { phase: phaseSeen.confirming, slot: -1, closed: true, imageSizeBytes: 0xfedcba98 };
  assert.equal(attemptIn(record), seen);
  attempt.closed = false;
  assert.is(attemptIn(buffer.slice(0, encodeRecord("attempt", attempt, buffer)))?.closed, false);
  const confirmed = { ...emptyConfirmed(), slot: 1, sequenceFloor: 2 ** 40 + 5 };
  const length = encodeRecord("confirmed", confirmed, buffer);
  assert.equal(confirmedIn(buffer.slice(0, length)), { slot: 1, sequenceFloor: 2 ** 40 + 5 });
});

test("a record with a flipped bit, a cut one and a missing one are none", () => {
  const length = encodeRecord("confirmed", emptyConfirmed(), buffer);
  for (let bit = 0; bit < length * 8; bit++) {
    const damaged = buffer.slice(0, length);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    assert.is(confirmedIn(damaged), null);
  }
  for (let end = 0; end < length; end++) assert.is(confirmedIn(buffer.slice(0, end)), null);
  assert.is(confirmedIn(undefined), null);
  assert.is(attemptIn(null), null);
  // Long enough and intact, but its phase is none.
  assert.is(attemptIn(buffer.slice(0, encodeRecord("confirmed", emptyConfirmed(), buffer))), null);
});

test.run();
