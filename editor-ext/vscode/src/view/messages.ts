/** What the model view's page and the extension tell each other. */

import type { Location, ModelViewResult, State, Target } from '../protocol';

/** What the page asks to be shown; what is left out is for the server to choose. */
export interface Wish {
  model?: string;
  target?: string;
  compare?: string;
  fix?: string;
}

export type FromPage =
  /** The page is there, for the first time or again after it was hidden. */
  | { type: 'ready' }
  | { type: 'wish'; wish: Wish }
  /** Show a place in the source; `stay` leaves the keyboard with the view. */
  | { type: 'open'; place: Location; stay: boolean }
  | { type: 'apply'; finding: string }
  | { type: 'pin'; pinned: boolean }
  | { type: 'explain'; code: string }
  | { type: 'retrace' };

export type ToPage =
  | { type: 'view'; view: ModelViewResult; wish: Wish; targets: Target[]; file: string; pinned: boolean }
  /** An answer is under way, and what the analysis does. */
  | { type: 'busy'; state: State | null }
  /** There is nothing to show, or what is shown could not be brought up to date. */
  | { type: 'failed'; message: string }
  | { type: 'said'; message: string }
  /** Where the cursor is in an editor: its lines, from 0. */
  | { type: 'cursor'; uri: string; first: number; last: number };

/** What of a view lives on when it is hidden, or the window is loaded again. */
export interface Saved {
  uri: string;
  pinned: boolean;
  wish: Wish;
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

/** The wish in a value that was kept or sent; strings only. */
export function readWish(value: unknown): Wish {
  const plain = record(value) ?? {};
  const wish: Wish = {};
  for (const key of ['model', 'target', 'compare', 'fix'] as const) {
    const said = plain[key];
    if (typeof said === 'string') {
      wish[key] = said;
    }
  }
  return wish;
}

/** What was kept; null where it is not what this version keeps. */
export function readSaved(value: unknown): Saved | null {
  const plain = record(value);
  return plain !== null && typeof plain.uri === 'string'
    ? { uri: plain.uri, pinned: plain.pinned === true, wish: readWish(plain.wish) }
    : null;
}

function readPlace(value: unknown): Location | null {
  const plain = record(value);
  const range = record(plain?.range);
  const ends = [record(range?.start), record(range?.end)].map((end) =>
    typeof end?.line === 'number' && typeof end.character === 'number'
      ? { line: end.line, character: end.character }
      : null,
  );
  const [start, end] = ends;
  return typeof plain?.uri === 'string' && start && end ? { uri: plain.uri, range: { start, end } } : null;
}

/** A message of the page; null for what is none. */
export function readMessage(value: unknown): FromPage | null {
  const plain = record(value);
  switch (plain?.type) {
    case 'ready':
      return { type: 'ready' };
    case 'wish':
      return { type: 'wish', wish: readWish(plain.wish) };
    case 'open': {
      const place = readPlace(plain.place);
      return place && { type: 'open', place, stay: plain.stay === true };
    }
    case 'apply':
      return typeof plain.finding === 'string' ? { type: 'apply', finding: plain.finding } : null;
    case 'pin':
      return { type: 'pin', pinned: plain.pinned === true };
    case 'explain':
      return typeof plain.code === 'string' ? { type: 'explain', code: plain.code } : null;
    case 'retrace':
      return { type: 'retrace' };
    default:
      return null;
  }
}
