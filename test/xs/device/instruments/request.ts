/** Makes one request. */
/// <reference path="../../../../hosts/xs/natives.d.ts" />
import { operations } from "../../../../hosts/xs/operations.js";

export default function main(): void {
  boardCall(operations.ticks, 0, 0);
}
