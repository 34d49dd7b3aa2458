/**
 * What a person does with a model, at the screen: `node flow.ts JOB`.
 *
 * Each step says whether it went well; the first that does not ends it, with a screenshot. Where the server is known to
 * lie, what was shown instead of the truth is printed as JSON.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Job, open } from '../browser.ts';
import { Claims } from './claims.ts';
import { ModelView, plain } from './modelview.ts';
import { Workbench } from './workbench.ts';

interface FlowJob extends Job {
  facts: Record<string, string>;
  /** Whether the server lies. */
  lying?: boolean;
  /** Where pictures for the documentation go; none where there is none. */
  pictures?: string;
}

const FIX = 'Set width 68 → 64';
const STATUS = '.statusbar-item[id*="advisor.status"]';

const job = JSON.parse(process.argv[2] ?? '') as FlowJob;
const window = await open(job, false);
const { page } = window;
const bench = new Workbench(page);
const claims = new Claims(bench, job.facts, job.lying ?? false);
const [first = '', second = ''] = claims.fact('targets').split(',');

const steps: [name: string, body: () => Promise<void>][] = [
  ['a file is opened: squiggles, hints, lenses', shown],
  ['the status bar says what the model costs, and a click offers targets', statusBar],
  ['the model view shows the layers, and one leads to its source', modelView],
  ['the view compares targets, and shows what a fix would change', compared],
  ['the view applies a fix', appliedThere],
  ['the light bulb has the fix, which is seen before it is made', lightBulb],
];
if (!claims.lying) {
  steps.push(
    ['the text has changed, the hint and the view are others, the finding is gone', mended],
    ['one undo brings all back', undone],
    ['the view is accessible in the dark and in high contrast', themes],
  );
}

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
if (claims.lying) console.log('seen', JSON.stringify(claims.seen));
console.log('messages:', JSON.stringify(await window.notifications()));
await window.close();
console.log('ended with', ended);
process.exit(ended === 0 ? 0 : 1);

function fact(name: string): string {
  return claims.fact(name);
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
  await page.locator('.squiggly-warning').first().waitFor();
  await claims.holds('hint', async () => /Σ ([\d.]+ [um]?s)/.exec(await bench.text())?.[1] ?? '', fact('convolutions'));
  await claims.holds('lens', lens, `${first}: ${fact('latencyRange')}`);
  await picture('editor');
}

/** The first lens' target and latency. */
async function lens(): Promise<string> {
  const all = await page.locator('.codelens-decoration a', { hasText: ' ms' }).allInnerTexts();
  return plain(all[0] ?? '').split(' · ')[0] ?? '';
}

async function statusBar(): Promise<void> {
  const item = page.locator(STATUS);
  const part = async (index: number): Promise<string> => {
    const parts = plain(await item.innerText()).split(' · ');
    return parts.length === 3 ? (parts[index] ?? '') : ''; // all of it is known
  };
  await claims.holds("bar's target", () => part(0), first);
  await claims.holds("bar's latency", () => part(1), fact('latencyRange'));
  await claims.holds("bar's peak", () => part(2), fact('peak'));
  const level = async (): Promise<string> => {
    const kinds = { over: 'error-kind', near: 'warning-kind' };
    const names = (await item.getAttribute('class'))?.split(' ') ?? [];
    return Object.entries(kinds).find(([, kind]) => names.includes(kind))?.[0] ?? 'ok';
  };
  await claims.holds("bar's level", level, fact('level'));
  await item.click();
  const rows = page.locator('.quick-input-widget .monaco-list-row');
  await rows.nth(2).waitFor();
  await claims.holds('active target', async () => plain(await rows.first().locator('.label-name').first().innerText()), first);
  const [active = ''] = fact('described').split('\n');
  const own = rows.filter({ has: page.locator('.label-name', { hasText: new RegExp(`${first}$`) }) });
  const described = async (): Promise<string> => (await own.first().innerText()).replaceAll(/\s/g, '');
  await claims.holds("targets' descriptions", described, active.replaceAll(' ', ''));
  await page.keyboard.press('Escape');
}

async function modelView(): Promise<void> {
  await bench.go(1, 1);
  await bench.command('Advisor: Show Model View');
  const view = await ModelView.shown(bench);
  await claims.holds('latency', () => view.figure('Latency'), fact('latency'));
  await claims.holds('peak', () => view.figure('Peak memory'), fact('peak'));
  const highest = async (): Promise<string> => (await view.text('.memory', '', '.caption .link')).split(' at ')[1] ?? '';
  await claims.holds("peak's layer", highest, fact('peakLayer'));
  await claims.holds('findings', () => view.findings(), fact('messages'));
  await picture('model-view');
  await accessible(view);
  await tabled(view);
  await bench.go(1, 1);
  await view.layer('pool').press('Space'); // by the keyboard alone
  const line = async (): Promise<string> => {
    const said = await page.locator('.statusbar-item', { hasText: /^Ln \d+,/ }).innerText();
    return said.startsWith('Ln 1,') ? '' : (/\d+/.exec(said)?.[0] ?? '');
  };
  await claims.holds('jump', line, fact('poolLine'));
  await page.keyboard.press('Control+1');
}

/** All that is said of the layers, and where a click on each leads. */
async function tabled(view: ModelView): Promise<void> {
  await view.tab('All layers').click();
  await claims.holds('layers', () => view.column('Module', 'Layer'), fact('layers'));
  await claims.holds("layers' latencies", () => view.column('Latency'), fact('layerLatencies'));
  await claims.holds("layers' memory", () => view.column('Live'), fact('layerMemory'));
  await claims.holds("layers' parameters", () => view.column('Params'), fact('layerParameters'));
  await claims.holds("layers' MACs", () => view.column('MACs'), fact('layerMacs'));
  await claims.holds("layers' shapes", () => view.column('In', 'Out'), fact('layerShapes'));
  await claims.holds("layers' places", () => view.lines(), fact('layerLines'));
  await view.layer('pool').click();
  const selected = bench.editor.locator('.selected-text');
  await selected.first().waitFor(); // its source; the keys stay in the view
}

async function compared(): Promise<void> {
  const view = await ModelView.shown(bench);
  const names = async (): Promise<string> => (await view.compare.locator('optgroup option').allInnerTexts()).join('\n');
  await claims.holds('known targets', names, fact('comparable'));
  await view.compare.selectOption({ label: second });
  await view.frame.locator('.ratios:not([hidden])').waitFor();
  await claims.holds('compared latency', () => view.compared('Latency'), fact('latencyOnSecond'));
  await claims.holds("compared layers' latencies", () => view.column(second), fact('layerLatenciesOnSecond'));
  await view.tab('Findings').click();
  const fix = view.frame.locator('.findings .row', { hasText: FIX }).first();
  const saving = async (): Promise<string> => plain(await fix.locator('.fix').innerText()).slice(0, fact('title').length);
  await fix.waitFor();
  await claims.holds('saving', saving, fact('title'));
  await fix.getByRole('button', { name: /^Preview the fix of CHN101/ }).click();
  await view.fixBar.filter({ hasText: FIX }).waitFor();
  const sentence = async (): Promise<string> => plain(await view.fixBar.locator('p').innerText());
  const changes = async (): Promise<string> => /; (\d+ layers?) change/.exec(await sentence())?.[1] ?? '';
  await claims.holds("preview's latency", () => view.figure('Latency'), fact('fixedLatency'));
  await claims.holds("preview's changes", changes, fact('changed'));
  await accessible(view);
  await view.fixBar.getByRole('button', { name: 'Close' }).click();
  await view.compare.selectOption({ index: 0 });
  await view.frame.locator('.ratios[hidden]').waitFor({ state: 'attached' });
  await page.keyboard.press('Control+1');
}

/** What the width's line builds. */
async function wide(): Promise<string> {
  return /self\.wide = (Block\(\d+, \d+\))/.exec(await bench.text())?.[1] ?? '';
}

async function appliedThere(): Promise<void> {
  const view = await ModelView.shown(bench);
  const before = await wide();
  await view.button(/^Apply: Set width/).click();
  const said = view.frame.locator('.unseen[aria-live]', { hasText: 'Applied: ' });
  const edits = page.locator('.bulk-edit-panel .edit-checkbox').first();
  await Promise.race([edits.waitFor(), said.waitFor({ state: 'attached' })]);
  if (await edits.isVisible()) await confirmed();
  await said.waitFor({ state: 'attached' });
  await claims.holds('applied', wide, 'Block(32, 64)');
  if ((await wide()) === before) return;
  await undone();
  await view.button(/^Apply: Set width/).waitFor(); // it is known anew
}

/** Make the edits that are shown. */
async function confirmed(): Promise<void> {
  const preview = page.locator('.bulk-edit-panel');
  await preview.locator('.edit-checkbox').first().click();
  await preview.locator('.monaco-button', { hasText: 'Apply' }).click();
}

/** Have axe look at the view: nothing serious. */
async function accessible({ frame }: ModelView): Promise<void> {
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
  const title = async (): Promise<string> => plain(await row.innerText()).slice(0, fact('title').length);
  await claims.holds("fix's title", title, fact('title'));
  await picture('light-bulb');
  await row.click();
  const edit = page.locator('.bulk-edit-panel .monaco-list-row', { hasText: 'self.wide' });
  await edit.first().waitFor();
  const written = async (): Promise<string> => (await edit.first().locator('.highlight.insert').allInnerTexts()).join();
  await claims.holds("fix's preview", written, '64');
  await picture('fix-preview');
  await confirmed();
  await claims.holds('fixed text', async () => ((await wide()) === 'Block(32, 68)' ? '' : wide()), 'Block(32, 64)');
}

async function mended(): Promise<void> {
  await bench.shows('Block(64, 64)', fact('fixedConvolutions'));
  await bench.until('no squiggle', () => page.locator('.squiggly-warning').count(), (count) => count === 0);
  await page.locator(STATUS, { hasText: fact('fixedLatency') }).waitFor();
  const view = await ModelView.shown(bench);
  await bench.until('the view of the fixed model', () => view.figure('Latency'), (us) => us === fact('fixedLatency'));
  await picture('fixed');
}

async function undone(): Promise<void> {
  await bench.editor.locator('.view-line').first().click();
  await page.keyboard.press('Control+z');
  await bench.shows('Block(32, 68)', 'Block(68, 64)', fact('convolutions'));
  await page.locator('.squiggly-warning').first().waitFor();
}

async function themes(): Promise<void> {
  const view = await ModelView.shown(bench);
  for (const [theme, kind] of [
    ['Dark High Contrast', 'vscode-high-contrast'],
    ['Light High Contrast', 'vscode-high-contrast-light'],
    ['Dark Modern', 'vscode-dark'],
  ] as const) {
    await page.keyboard.press('Control+k');
    await bench.choose('Control+t', theme, theme);
    await view.frame.locator(`body.${kind}`).waitFor();
    await accessible(view);
  }
}
