/** Work that nobody else hears the end of: what it fails for is a message. */

import { window } from 'vscode';

/** Do something, and show what it fails for, since that is a sentence for the person; it never rejects. */
export async function said<T>(work: () => T | PromiseLike<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(message.startsWith('Advisor') ? message : `Advisor: ${message}`);
    return undefined;
  }
}
