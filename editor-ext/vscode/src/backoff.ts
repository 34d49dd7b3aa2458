/** How long to wait before a server that ended is started again, and when to stop trying. All times in ms. */

const FIRST = 1_000;
/** Restarts within `WINDOW`, before the person is asked. */
const RESTARTS = 5;
const WINDOW = 180_000;
/** A server that ran this long was well: its end is the first one. */
const HEALTHY = 60_000;

export class Backoff {
  private times: number[] = [];
  private since: number | undefined;

  /** The server runs. */
  started(now: number): void {
    this.since = now;
  }

  /** The server ended by itself, or did not start: the wait before the next start; undefined when there is to be none. */
  ended(now: number): number | undefined {
    if (this.since !== undefined && now - this.since >= HEALTHY) this.times = [];
    this.since = undefined;
    this.times = [...this.times.filter((time) => now - time < WINDOW), now];
    return this.times.length > RESTARTS ? undefined : FIRST * 2 ** (this.times.length - 1);
  }

  /** Ends that count. */
  get ends(): number {
    return this.times.length;
  }

  /** The person starts it: what was before does not count. */
  reset(): void {
    this.times = [];
    this.since = undefined;
  }
}
