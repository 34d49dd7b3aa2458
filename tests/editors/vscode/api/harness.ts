/** What tests inside VS Code's extension host share: waiting, claims, and asking for what only the screen shows. */

export { deepStrictEqual as same, ok as holds, strictEqual as equal } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from 'vscode';

export interface Test {
  name: string;
  body: () => Promise<void>;
}

interface Config {
  driver: string;
  suite: string;
  results: string;
  facts: Record<string, string>;
}

export const config = JSON.parse(readFileSync(join(__dirname, 'config.json'), 'utf-8')) as Config;

/** Milliseconds that nothing takes that is waited for. */
const PATIENCE = 45_000;

/** A figure, message or path that the engine alone came to. */
export function fact(name: string): string {
  const value = config.facts[name];
  if (value === undefined) throw new Error(`no fact is called ${name}`);
  return value;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ask again and again until `accept` likes the answer, and give that; an error says what it was in the end. */
export async function until<T>(
  what: string,
  ask: () => T | PromiseLike<T>,
  accept: (value: T) => boolean = Boolean,
  patience = PATIENCE,
): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    const value = await ask();
    if (accept(value)) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}; last: ${JSON.stringify(value)?.slice(0, 1500)}`);
    await sleep(50);
  }
}

/** Have a thing done or seen at the screen (`inside.ts`). */
export async function screen<T = unknown>(act: string, wanted: Record<string, string> = {}): Promise<T> {
  const response = await fetch(`${config.driver}/${act}`, { method: 'POST', body: JSON.stringify(wanted) });
  const { value, error } = (await response.json()) as { value: T; error?: string };
  if (error) throw new Error(`${act} ${JSON.stringify(wanted)}: ${error}`);
  return value;
}

/** The texts of all messages that have been shown so far; while tests run, they wait in the list of notifications. */
export async function notifications(): Promise<string[]> {
  await commands.executeCommand('notifications.showList');
  const selector = '.notifications-center .monaco-list-row .notification-list-item-message';
  const texts = await screen<string[]>('texts', { selector });
  await commands.executeCommand('notifications.hideList');
  return texts;
}

/** Close all messages; the list that shows them may draw one that is gone once more. */
export async function clearNotifications(): Promise<void> {
  await commands.executeCommand('notifications.clearAll');
  await until('the messages to go', notifications, (all) => all.length === 0);
}
