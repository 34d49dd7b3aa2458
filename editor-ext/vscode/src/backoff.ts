/** How long to wait before a server that failed is started again, and when to stop trying. All times in ms. */

const FIRST = 1_000;
/** Restarts in a row, before the person is asked. */
const RESTARTS = 5;
/** A server that ran this long was well: what was before it does not count. */
const HEALTHY = 60_000;

/** How a server failed: it ended by itself, or it had to be ended, since it did not answer when it was started. */
export type Failure = 'ended' | 'silent';

/** What each counts. A silent start has taken all the time that a start may: it is not waited for as often. */
const WEIGHT: Readonly<Record<Failure, number>> = { ended: 1, silent: 2 };

export class Backoff {
  private failures: Failure[] = [];
  private since: number | undefined;

  /** The server runs. */
  started(now: number): void {
    this.since = now;
  }

  /** The server failed: the wait before the next start; undefined when there is to be none. */
  failed(how: Failure, now: number): number | undefined {
    if (this.since !== undefined && now - this.since >= HEALTHY) this.failures = [];
    this.since = undefined;
    this.failures.push(how);
    const weight = this.failures.reduce((sum, failure) => sum + WEIGHT[failure], 0);
    return weight > RESTARTS ? undefined : FIRST * 2 ** (weight - 1);
  }

  /** What the server did so far, for a sentence that begins with its name. */
  get summary(): string {
    const silent = this.failures.filter((failure) => failure === 'silent').length;
    const times = this.failures.length === 1 ? 'once' : `${this.failures.length} times in a row`;
    if (silent === 0) return `ended ${times}`;
    return silent === this.failures.length ? `did not answer when it was started, ${times}` : `failed ${times}`;
  }

  /** The person starts it: what was before does not count. */
  reset(): void {
    this.failures = [];
    this.since = undefined;
  }
}
