/** Both slots and otadata of a simulated board, as a table for people. */

import { descriptorOffset, parseImageHeader } from "../../src/boot/image.js";
import { crcMatches, decodeEntry, sequenceErased, stateName } from "../../src/boot/otadata.js";
import type { Simulation } from "../simulator/simulation.js";

const sectorBytes = 4096;

/** One line per slot and per otadata entry. */
export function slotTable(simulation: Simulation): string {
  const { flash, layout, boots } = simulation;
  const running = boots.at(-1)?.result.partition?.offset;
  const lines = ["  slot   version   runs    otadata  sequence  state"];
  const slots = layout.partitions.filter((one) => one.type === 0);
  const otadata = layout.partitions.find((one) => one.label === "otadata");
  slots.forEach((slot, index) => {
    const head = flash.bytes.subarray(slot.offset, slot.offset + descriptorOffset + 256);
    const parsed = parseImageHeader(head);
    const version = parsed.ok ? (parsed.header.descriptor?.version ?? "?") : "-";
    const at = (otadata?.offset ?? 0) + index * sectorBytes;
    const entry = decodeEntry(flash.bytes, at);
    const isErased = entry.sequence === sequenceErased;
    const sequence = isErased ? "-" : String(entry.sequence);
    const state = isErased ? "erased" : stateName(entry.stateWord);
    const runs = slot.offset === running ? "yes" : "";
    const crc = isErased || crcMatches(entry) ? "" : ", bad crc";
    lines.push(
      `  ${slot.label}  ${version.padEnd(8)}  ${runs.padEnd(6)}  entry ${index}` +
        `  ${sequence.padEnd(8)}  ${state}${crc}`,
    );
  });
  return lines.join("\n");
}
