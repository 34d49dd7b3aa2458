/** The last of what a server says on its standard error: it comes in pieces that end anywhere. */

/** Characters that are kept. */
const KEPT = 4_000;
/** Characters of a line that a message has room for. */
const SHOWN = 300;

export class LastWords {
  private tail = '';

  heard(piece: string): void {
    this.tail = (this.tail + piece).slice(-KEPT);
  }

  /** The last line with anything in it; empty where nothing was said. */
  get line(): string {
    const line = this.tail.trimEnd().split('\n').at(-1)?.trim() ?? '';
    return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
  }
}
