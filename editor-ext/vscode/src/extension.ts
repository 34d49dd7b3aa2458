/** The extension's life: it waits for a Python file that imports torch, then finds and starts the server. */

import { type ExtensionContext, window } from 'vscode';
import { AdvisorDaemon } from './daemon';

let daemon: AdvisorDaemon | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Advisor', { log: true });
  daemon = new AdvisorDaemon(log, () => log.show());
  context.subscriptions.push(log, daemon);
}

export async function deactivate(): Promise<void> {
  await daemon?.stop();
}
