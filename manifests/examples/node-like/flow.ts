// The application: a flow of messages, as a Node-RED style runtime has them. It knows nothing of
// updates; it only says whether now is a safe moment to be interrupted.
import Timer from "timer";

export class Flow {
  handled = 0;
  private busy = false;

  constructor(intervalMs: number) {
    Timer.repeat(() => this.message(), intervalMs);
  }

  /** True between messages: nothing would be lost by a restart. */
  get isSafe(): boolean {
    return !this.busy;
  }

  private message(): void {
    if (this.busy) return;
    this.busy = true;
    Timer.set(() => {
      this.handled++;
      this.busy = false;
    }, 200);
  }
}
