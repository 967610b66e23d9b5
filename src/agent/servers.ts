/**
 * The update servers in the order of the options: which one is asked, and what is wrong with the
 * connection. The next one is asked when one fails, each once per poll. One that answers is stayed
 * with; once a day a poll begins with the first all the same, and after a restart every one does.
 */
import type { AgentContext } from "./context.js";
import { tryLog } from "./host.js";
import { type HttpTarget, hostOf } from "./url.js";

export class Servers {
  private readonly context: AgentContext;
  private readonly targets: readonly HttpTarget[];
  /** The server that is asked, and the one that this poll began with. */
  private at = 0;
  private first = 0;
  /** When a poll last began with the first one of the options. */
  private beganMs = 0;
  /** What was told last of each; "" or none of one that answered. */
  private readonly errors: string[] = [];
  /** What is wrong with the connection; "" when nothing is. */
  error = "";
  /** The last error that no report has told yet. */
  untold = "";

  constructor(context: AgentContext, targets: readonly HttpTarget[]) {
    this.context = context;
    this.targets = targets;
  }

  get current(): HttpTarget {
    return this.targets[this.at];
  }

  /** A poll begins: from here on each server is asked once. */
  begin(): void {
    const nowMs = this.context.hal.timers.nowMs();
    // A day.
    if (nowMs - this.beganMs >= 86_400_000) this.at = 0;
    if (this.at === 0) this.beganMs = nowMs;
    this.first = this.at;
  }

  /** Turns to another server, if there is one; within a poll only to one that it has not asked. */
  next(withinPoll: boolean): boolean {
    const to = (this.at + 1) % this.targets.length;
    if (to === (withinPoll ? this.first : this.at)) return false;
    this.at = to;
    return true;
  }

  /**
   * What was wrong with the current server's answer, or "" when it was usable. Told when it is news
   * of this server, not at each try.
   */
  heard(error: string): void {
    if (error !== "") this.untold = error;
    const isNews = error !== (this.errors[this.at] ?? "") || (error === "" && this.error !== "");
    if (!isNews) return;
    this.errors[this.at] = this.error = error;
    tryLog(
      this.context.hal,
      `connection: ${error === "" ? `${hostOf(this.current)} answers` : error}`,
    );
    this.context.tell("", 0, 0);
  }
}
