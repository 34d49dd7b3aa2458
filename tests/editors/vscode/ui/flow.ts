/**
 * What a person does with a model, at the screen: `node flow.ts JOB`.
 *
 * Each step says whether it went well; the first that does not ends it, with a screenshot.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Frame } from 'playwright-core';
import { type Job, open } from '../browser.ts';
import { Workbench } from './workbench.ts';

interface FlowJob extends Job {
  facts: Record<string, string>;
  /** Where pictures for the documentation go; none where there is none. */
  pictures?: string;
}

const FIX = 'Set width 68 → 64';
const STATUS = '.statusbar-item[id*="advisor.status"]';

const job = JSON.parse(process.argv[2] ?? '') as FlowJob;
const window = await open(job, false);
const { page } = window;
const bench = new Workbench(page);

const steps: [name: string, body: () => Promise<void>][] = [
  ['a file is opened: squiggles, hints, lenses', shown],
  ['the status bar says what the model costs, and a click offers targets', statusBar],
  ['the model view shows the layers, and one leads to its source', modelView],
  ['the view compares targets, and shows what a fix would change', compared],
  ['the light bulb has the fix, which is seen before it is made', lightBulb],
  ['the text has changed, the hint and the view are others, the finding is gone', mended],
  ['one undo brings all back', undone],
];

let ended: number | string = 0;
for (const [name, body] of steps) {
  const started = Date.now();
  try {
    await body();
    console.log(`${name}: ${Date.now() - started} ms`);
  } catch (error) {
    console.log(`FAILED ${name}:`, error);
    await page.screenshot({ path: join(job.artifacts, 'failed.png') });
    ended = name;
    break;
  }
}
console.log('messages:', JSON.stringify(await window.notifications()));
await window.close();
console.log('ended with', ended);
process.exit(ended === 0 ? 0 : 1);

function fact(name: string): string {
  const value = job.facts[name];
  if (value === undefined) throw new Error(`no fact is called ${name}`);
  return value;
}

/** Save the window as it is, where pictures are wanted. */
async function picture(name: string): Promise<void> {
  if (job.pictures === undefined) return;
  await page.mouse.move(200, 20);
  await page.waitForTimeout(400); // what fades in or out has done so
  await page.screenshot({ path: join(job.pictures, `${name}-${job.dark ? 'dark' : 'light'}.png`) });
}

async function shown(): Promise<void> {
  await bench.open(job.url, 'net.py');
  await page.keyboard.press('Control+b'); // room for the lines
  await bench.shows(fact('convolutions'), '64×1×1');
  await page.locator('.squiggly-warning').first().waitFor();
  await page.locator('.codelens-decoration a', { hasText: fact('latency') }).first().waitFor();
  await picture('editor');
}

async function statusBar(): Promise<void> {
  const item = page.locator(STATUS);
  await item.filter({ hasText: fact('latency') }).waitFor();
  const [first = '', second = ''] = fact('targets').split(',');
  await item.filter({ hasText: first }).click();
  await page.locator('.quick-input-widget .monaco-list-row', { hasText: second }).first().waitFor();
  await page.keyboard.press('Escape');
}

async function modelView(): Promise<void> {
  await bench.go(1, 1);
  await bench.command('Advisor: Show Model View');
  const frame = await bench.frame('main#page .icicle [role=treeitem]');
  await frame.locator('main', { hasText: fact('latency') }).waitFor();
  const layer = frame.locator('.icicle [role=treeitem]', { hasText: 'pool' }).last();
  await layer.click();
  await bench.editor.locator('.selected-text').first().waitFor(); // its source; the keys stay in the view
  await picture('model-view');
  await accessible(frame);
  await bench.go(1, 1);
  await layer.press('Space'); // by the keyboard alone
  await bench.at(22);
  await page.keyboard.press('Control+1');
}

async function compared(): Promise<void> {
  const frame = await bench.frame('main#page .icicle [role=treeitem]');
  const [, second = ''] = fact('targets').split(',');
  const choice = frame.getByLabel('Compare with');
  await choice.selectOption({ label: second });
  await frame.locator('.ratios:not([hidden])').waitFor();
  await frame.locator('main', { hasText: `on ${second}` }).waitFor();
  await frame.getByRole('button', { name: /^Preview the fix of CHN101/ }).first().click();
  const bar = frame.locator('.fixbar:not([hidden])', { hasText: FIX });
  await bar.waitFor();
  await frame.locator('main', { hasText: fact('fixedLatency') }).waitFor();
  await accessible(frame);
  await bar.getByRole('button', { name: 'Close' }).click();
  await choice.selectOption({ index: 0 });
  await frame.locator('main', { hasText: fact('latency') }).waitFor();
  await page.keyboard.press('Control+1');
}

/** Have axe look at the view: nothing serious. */
async function accessible(frame: Frame): Promise<void> {
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await frame.evaluate(readFileSync(axe, 'utf-8'));
  const results = (await frame.evaluate('axe.run()')) as AxeResults;
  if (results.passes.length === 0) throw new Error('axe checked nothing');
  const serious = results.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  if (serious.length > 0) throw new Error(`axe: ${JSON.stringify(serious, null, 1)}`);
}

async function lightBulb(): Promise<void> {
  const row = page.locator('.action-widget .monaco-list-row.action', { hasText: FIX }).first();
  const bulb = page.locator('.lightBulbWidget:visible, .codicon-gutter-lightbulb:visible').first();
  await bench.until(`${FIX} in the menu of the light bulb`, async () => {
    // what arrives while the menu opens closes it again
    await bench.go(Number(fact('line')), 32);
    await bulb.click();
    return row.waitFor({ timeout: 3000 }).then(
      () => true,
      () => page.keyboard.press('Escape').then(() => false),
    );
  });
  await picture('light-bulb');
  await row.click();
  const preview = page.locator('.bulk-edit-panel');
  await preview.locator('.edit-checkbox').first().click();
  await picture('fix-preview');
  await preview.locator('.monaco-button', { hasText: 'Apply' }).click();
}

async function mended(): Promise<void> {
  await bench.shows('Block(32, 64)', 'Block(64, 64)', fact('fixedConvolutions'));
  await bench.until('no squiggle', () => page.locator('.squiggly-warning').count(), (count) => count === 0);
  await page.locator(STATUS, { hasText: fact('fixedLatency') }).waitFor();
  const view = await bench.frame('main#page .icicle [role=treeitem]');
  await view.locator('main', { hasText: fact('fixedLatency') }).waitFor();
  await picture('fixed');
}

async function undone(): Promise<void> {
  await bench.editor.locator('.view-line').first().click();
  await page.keyboard.press('Control+z');
  await bench.shows('Block(32, 68)', 'Block(68, 64)', fact('convolutions'));
  await page.locator('.squiggly-warning').first().waitFor();
}
