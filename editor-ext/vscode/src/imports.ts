/** Which texts are about models: those that import torch, or a package built on it whose name begins so. */

/**
 * A line that imports torch, first in it or after a semicolon; strings that span lines are not told apart. No blank can
 * be matched by two parts that follow each other: the time would grow with the square of their number.
 */
const IMPORT =
  /(?:^|;)[ \t]*(?:from[ \t]+torch[\w.]*[ \t]+import\b|import[ \t]+(?:[\w.][\w. \t]*,[ \t]*)*torch(?![a-z_]*=)[\w.]*)/m;

export function importsTorch(text: string): boolean {
  return IMPORT.test(text);
}

/** What is needed of a document. */
interface Text {
  readonly version: number;
  getText(): string;
}

const answers = new WeakMap<Text, { version: number; answer: boolean }>();

/** Likewise of a document, whose text is looked through once a version: it is asked about whenever the cursor moves. */
export function documentImportsTorch(document: Text): boolean {
  const { version } = document;
  const known = answers.get(document);
  if (known?.version === version) return known.answer;
  const answer = importsTorch(document.getText());
  answers.set(document, { version, answer });
  return answer;
}
