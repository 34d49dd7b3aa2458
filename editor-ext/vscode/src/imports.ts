/** Which texts are about models: those that import torch, or a package built on it whose name begins so. */

/** A line that imports torch, first in it or after a semicolon; strings that span lines are not told apart. */
const IMPORT =
  /(?:^|;)[ \t]*(?:from[ \t]+torch[\w.]*[ \t]+import\b|import[ \t]+(?:[\w. \t]+,)*[ \t]*torch(?![a-z_]*=)[\w.]*)/m;

export function importsTorch(text: string): boolean {
  return IMPORT.test(text);
}
