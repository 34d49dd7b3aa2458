/** The tests that VS Code runs in its extension host, a suite at a time; `inside.ts` says which. */

import { writeFileSync } from 'node:fs';
import { config, screen, type Test } from './harness.ts';
import { acting } from './acting.ts';
import { answers } from './answers.ts';
import { bounds } from './bounds.ts';
import { commands } from './commands.ts';
import { failing } from './failing.ts';
import { helping } from './helping.ts';
import { living } from './living.ts';
import { missing } from './missing.ts';
import { python } from './python.ts';
import { settings } from './settings.ts';
import { shown } from './shown.ts';
import { trust } from './trust.ts';

const SUITES: Record<string, Test[]> = {
  everything: [...shown, ...acting, ...commands, ...answers, ...settings, ...helping, ...living],
  lies: [...shown, ...acting.slice(0, 2), ...answers],
  trust,
  missing,
  python,
  failing,
  bounds,
};

/** One line of the results. */
interface Result {
  name: string;
  ms: number;
  error?: string;
}

/** Milliseconds that one test may take. */
const LIMIT = 120_000;

function tooLong(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no end after ${LIMIT / 1000} s`)), LIMIT).unref();
  });
}

/** Run the suite to its end; rejects where a test failed. VS Code calls this. */
export async function run(): Promise<void> {
  const results: Result[] = [];
  for (const { name, body } of SUITES[config.suite] ?? []) {
    const started = Date.now();
    const error = await Promise.race([body(), tooLong()]).then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
    );
    results.push({ name, ms: Date.now() - started, ...(error === undefined ? {} : { error }) });
    writeFileSync(config.results, JSON.stringify(results, null, 1));
    if (error !== undefined) await screen('shot', { name: `failed-${results.length}` }).catch(console.error);
  }
  const failed = results.filter((result) => result.error !== undefined).length;
  if (failed || !results.length) throw new Error(`${failed} of ${results.length} tests failed`);
}
