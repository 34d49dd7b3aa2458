import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Missing } from '../src/launcher';
import { settle, vscode } from './vscode';

const NOTE = '/ws/.venv/bin/python (.venv in /ws) lies in a workspace that is not trusted and is not started.';
const SYSTEM = { file: '/usr/bin/python3', why: 'python3 on the PATH', advisor: undefined, error: '', pip: true };

/** What the person is told where the advisor is missing, and what then, having pressed `button`. */
async function offered(missing: Missing, button?: string): Promise<string[]> {
  const { Offers } = await import('../src/offers');
  const told: string[] = [];
  const say =
    (answer?: string) =>
    (text: string): Promise<unknown> =>
      Promise.resolve(told.push(text) && answer);
  vscode.window = {
    showWarningMessage: say(button),
    showErrorMessage: say(),
    showQuickPick: (items: unknown[]) => Promise.resolve(items[0]),
  };
  let heard = (): void => undefined;
  const launcher = {
    missing,
    choice: () => ({ candidates: [SYSTEM], notes: [] }),
    onDidChange: (listener: () => void) => void (heard = listener),
  };
  new Offers(launcher as never);
  heard();
  await settle();
  return told;
}

test('the interpreter that is not tried for want of trust is named, not only the one without the advisor', async () => {
  const asked = [{ ...SYSTEM, python: [3, 12, 1] }];
  const lacks = 'The advisor is not installed for Python 3.12.1 (/usr/bin/python3).';
  assert.deepEqual(await offered({ asked, notes: [NOTE] }), [`${lacks} ${NOTE}`]);
  assert.deepEqual(await offered({ asked, notes: [] }), [lacks]);
  assert.deepEqual(await offered({ asked: [], notes: [NOTE] }), [NOTE]);
});

test('an interpreter that cannot be kept in the settings is a message', async () => {
  const message = 'Unable to write into user settings. Please open the user settings to correct errors in the file.';
  const update = (): Promise<void> => Promise.reject(new Error(message));
  vscode.workspace.getConfiguration = () => ({ get: () => '', update });
  const told = await offered({ asked: [], notes: [NOTE] }, 'Use another interpreter…');
  assert.deepEqual(told, [NOTE, `Advisor: ${message}`]);
});
