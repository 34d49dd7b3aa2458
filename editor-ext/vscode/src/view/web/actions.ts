/** What the parts of the page may ask of the whole. */

import type { Finding } from '../../protocol';
import type { FromPage, Wish } from '../messages';
import type { Settings } from '../scene/settings';
import type { Node } from '../scene/tree';

export interface Actions {
  /** Change how the person has the view, and draw it. */
  set(change: Partial<Settings>): void;
  /** Ask the server for something else; undefined takes a part of the wish back. */
  wish(change: { [K in keyof Wish]: Wish[K] | undefined }): void;
  /** Select a node; `focus` moves the keyboard's place in the chart there too. */
  select(node: Node, focus?: boolean): void;
  /** Make a module fill the chart. */
  zoom(node: Node): void;
  /** The layer under the pointer; null for none. */
  point(node: Node | null): void;
  /** Show where a node was written; `stay` leaves the keyboard here. */
  open(node: Node, stay: boolean): void;
  /** The first layer that a finding is about. */
  layerOf(finding: Finding): Node | null;
  tell(message: FromPage): void;
  /** Say something to who listens to the page instead of seeing it. */
  announce(text: string): void;
}
