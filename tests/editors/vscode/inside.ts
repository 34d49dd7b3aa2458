/**
 * Runs tests inside VS Code's extension host: `node inside.ts JOB`.
 *
 * The window is told to load the tests as those of an extension in development. What only a person at the screen can do
 * or see, they ask of this program over HTTP on the loopback interface.
 */

import { createServer, type Server } from 'node:http';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Job, open, type Window } from './browser.ts';

interface InsideJob extends Job {
  /** The folder with the bundled tests, `index.js`; `config.json` is written there for them. */
  tests: string;
  suite: string;
  results: string;
  /** Seconds that all of it may take. */
  limit: number;
  /** The file in which the daemon notes its process, as long as it runs. */
  lock: string;
  facts: Record<string, string>;
}

const job = JSON.parse(process.argv[2] ?? '') as InsideJob;
const window = await open(job, true);
const server = await serve(window);
const port = (server.address() as AddressInfo).port;
const config = { driver: `http://127.0.0.1:${port}`, suite: job.suite, results: job.results, facts: job.facts };
writeFileSync(join(job.tests, 'config.json'), JSON.stringify(config));

let code: number | string = `no end after ${job.limit} s`;
try {
  code = await drive(window, job);
} finally {
  if (code !== 0) await window.page.screenshot({ path: join(job.artifacts, 'failed.png') }).catch(report);
  server.close();
  await window.close();
}
console.log('ended with', code);
process.exit(code === 0 ? 0 : 1);

/** Load the window; what the tests end with. */
async function drive({ page }: Window, { url, tests, limit }: InsideJob): Promise<number | string> {
  let ended: (code: number | string) => void = () => {};
  const end = new Promise<number | string>((resolve) => {
    ended = resolve;
    setTimeout(() => resolve(`no end after ${limit} s`), limit * 1000).unref();
  });
  page.on('crash', () => ended('the page crashed'));
  await page.exposeFunction('codeAutomationLog', (type: string, args: unknown[]) => console.log(`${type}:`, ...args));
  await page.exposeFunction('codeAutomationExit', async (code: number) => ended(code));
  const extension = `vscode-remote://${new URL(url).host}${tests}`;
  const payload = [
    ['extensionDevelopmentPath', extension],
    ['extensionTestsPath', `${extension}/index`],
    ['skipWelcome', 'true'],
    ['skipReleaseNotes', 'true'],
  ];
  await page.goto(`${url}&payload=${encodeURIComponent(JSON.stringify(payload))}`);
  return end;
}

/** Do for tests what a person does at the screen: each path is one thing, its parameters are in the body. */
async function serve(window: Window): Promise<Server> {
  const { page } = window;
  const acts: Record<string, (wanted: Record<string, string>) => Promise<unknown>> = {
    press: async ({ key = '' }) => page.keyboard.press(key),
    /** Type into the list that pops up, and choose the row that is in front once it has that text. */
    pick: async ({ row = '', type = '' }) => {
      await page.locator('.quick-input-widget input[type=text]:visible').fill(type);
      await page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: row }).waitFor();
      await page.keyboard.press('Enter');
    },
    rows: async () => {
      await page.locator('.quick-input-widget .monaco-list-row').first().waitFor();
      return page.locator('.quick-input-widget .monaco-list-row').allInnerTexts();
    },
    click: async ({ selector = '', text = '' }) =>
      page.locator(selector, text ? { hasText: text } : {}).first().click(),
    texts: async ({ selector = '' }) => page.locator(selector).allInnerTexts(),
    /** End the server as a crash would; its process. */
    kill: async () => {
      const pid = hub();
      if (pid) process.kill(pid, 'SIGKILL');
      return pid;
    },
    /** The server's process, 0 where none runs. */
    server: async () => hub(),
    shot: async ({ name = '' }) => page.screenshot({ path: join(job.artifacts, `${name}.png`) }),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const act = acts[(request.url ?? '/').slice(1)] ?? (() => Promise.reject(new Error(`no ${request.url}`)));
      act(JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, string>).then(
        (value) => response.end(JSON.stringify({ value: value instanceof Buffer ? null : (value ?? null) })),
        (error: unknown) => response.end(JSON.stringify({ error: String(error) })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The process of the daemon that serves this VS Code, by the file that it holds; 0 where none runs. */
function hub(): number {
  const pid = existsSync(job.lock) ? Number.parseInt(readFileSync(job.lock, 'utf-8'), 10) : 0;
  return pid > 0 && existsSync(`/proc/${pid}`) ? pid : 0;
}

function report(error: unknown): void {
  console.log('no screenshot:', error);
}
