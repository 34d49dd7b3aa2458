/**
 * Times from a key to the next painted frame, with the extension and without it: `node typing.ts JOB`.
 *
 * Two windows of one browser have the same file, one of them with extensions off. Blocks of keystrokes alternate
 * between them, so that both see the same machine. Prints all times in milliseconds, as JSON.
 */

import type { Page } from 'playwright-core';
import { type Job, open } from '../browser.ts';
import { Workbench } from './workbench.ts';

interface TypingJob extends Job {
  /** Where code-server serves a copy of the folder for the window without extensions. */
  plainUrl: string;
  file: string;
  /** The line (from one) behind which lines are written. */
  line: number;
  blocks: number;
  latency: string;
}

type Timed = typeof globalThis & { advisorTimes?: number[] };

/** What is typed in a block: a layer, with what breaks the text on the way. */
const TYPED = 'self.extra = nn.Conv2d(64, 64, 3)';
/** Milliseconds between keys: a fast typist's. */
const PACE = 70;

const job = JSON.parse(process.argv[2] ?? '') as TypingJob;
const window = await open(job, false);
const on = new Workbench(window.page);
const off = new Workbench(await window.page.context().newPage());
off.page.setDefaultTimeout(45_000);

/** What was animated while keys were typed. */
const moving = { on: new Set<string>(), off: new Set<string>() };

let ended: number | string = 1;
try {
  await on.open(job.url, job.file);
  await on.page.locator('.statusbar-item[id*="advisor.status"]', { hasText: job.latency }).waitFor({ timeout: 90_000 });
  const plain = encodeURIComponent(JSON.stringify([['disableExtensions', 'true']]));
  await off.open(`${job.plainUrl}&payload=${plain}`, job.file);
  if ((await off.page.locator('.statusbar-item[id*="advisor.status"]').count()) > 0) throw new Error('the extension is on');
  for (const bench of [on, off]) {
    await watch(bench.page);
    await block(bench); // what happens once has happened
  }
  const times: { on: number[][]; off: number[][] } = { on: [], off: [] };
  for (let index = 0; index < job.blocks; index += 1) {
    const order = index % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const);
    for (const which of order) times[which].push(await block(which === 'on' ? on : off));
  }
  const ours = [...moving.on].filter((name) => !moving.off.has(name));
  if (ours.length > 0) throw new Error(`animated while keys are typed: ${ours.join(', ')}`);
  console.log(`times ${JSON.stringify(times)}`);
  ended = 0;
} catch (error) {
  console.log('FAILED:', error);
  await on.page.screenshot({ path: `${job.artifacts}/on.png` });
  await off.page.screenshot({ path: `${job.artifacts}/off.png` });
}
await window.close();
console.log('ended with', ended);
process.exit(ended);

/** Have a page keep, for each key, the time from its event to the frame that shows the changed lines. */
function watch(page: Page): Promise<void> {
  return page.evaluate(() => {
    const times: number[] = [];
    (globalThis as Timed).advisorTimes = times;
    let pressed: number | undefined;
    addEventListener('keydown', (event) => (pressed = event.timeStamp), { capture: true });
    const lines = document.querySelector('.editor-instance .view-lines');
    if (!lines) throw new Error('no editor');
    const painted = new MessageChannel();
    let since = 0;
    painted.port1.onmessage = () => times.push(performance.now() - since);
    new MutationObserver(() => {
      if (pressed === undefined) return;
      since = pressed;
      pressed = undefined;
      requestAnimationFrame(() => painted.port2.postMessage(null)); // handled once the frame has been made
    }).observe(lines, { childList: true, subtree: true, characterData: true });
  });
}

/** Type a line, then remove it; the times of its keys. */
async function block(bench: Workbench): Promise<number[]> {
  const { page } = bench;
  const seen = moving[bench === on ? 'on' : 'off'];
  await page.bringToFront();
  await bench.go(job.line, 1);
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(200);
  await page.evaluate(() => (globalThis as Timed).advisorTimes?.splice(0));
  for (const [index, key] of [...TYPED].entries()) {
    await page.keyboard.press(key === ' ' ? 'Space' : key);
    const counted = (): Promise<boolean> =>
      page.evaluate((count) => ((globalThis as Timed).advisorTimes?.length ?? 0) > count, index);
    await bench.until(`key ${index} to be painted`, counted);
    for (const name of await endless(page)) seen.add(name);
    await page.waitForTimeout(PACE);
  }
  const times = await page.evaluate(() => (globalThis as Timed).advisorTimes?.splice(0) ?? []);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Shift+k');
  return times;
}

/** What is animated without an end, by the names of the animations: each has every frame painted anew. */
function endless(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    document
      .getAnimations()
      .filter((one) => one.playState === 'running' && one.effect?.getTiming().iterations === Infinity)
      .map((one) => (one instanceof CSSAnimation ? one.animationName : one.id)),
  );
}
