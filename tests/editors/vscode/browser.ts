/** VS Code in a browser: Chromium with a profile of its own that reaches nothing but this machine. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** What a program that drives VS Code is told, as JSON in its first argument. */
export interface Job {
  /** Where code-server serves the folder. */
  url: string;
  chromium: string;
  /** A folder for what is looked at when something fails. */
  artifacts: string;
  /** Whether VS Code asks whom to trust; otherwise everything is trusted. */
  asksForTrust: boolean;
  dark?: boolean;
}

export interface Window {
  page: Page;
  /** The texts of all notifications that have popped up. */
  notifications(): Promise<string[]>;
  close(): Promise<void>;
}

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Start a browser with one empty page, on which `prepare` is called before anything is loaded. */
export async function open(job: Job, smokeTests: boolean): Promise<Window> {
  const profile = mkdtempSync(join(tmpdir(), 'adv-chromium-'));
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: job.chromium,
    headless: true,
    viewport: { width: 1280, height: 800 },
    colorScheme: job.dark ? 'dark' : 'light',
    args: ARGUMENTS,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(45_000);
  await page.addInitScript(configure, { trust: job.asksForTrust, smokeTests });
  await page.addInitScript(remember);
  return {
    page,
    notifications: () => page.evaluate(() => [...((globalThis as Watched).advisorNotifications ?? [])]),
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

type Watched = typeof globalThis & { advisorNotifications?: Set<string> };

/**
 * Change what the page is told at its start. A built VS Code runs an extension's tests only with its smoke-test driver,
 * which no address switches on; and a page that is changed on its way would not count as this machine's own any more.
 */
function configure(wanted: { trust: boolean; smokeTests: boolean }): void {
  const read = Element.prototype.getAttribute;
  Element.prototype.getAttribute = function (name: string): string | null {
    const value = read.call(this, name);
    if (name !== 'data-settings' || this.id !== 'vscode-workbench-web-configuration' || value === null) return value;
    const settings = JSON.parse(value) as Record<string, unknown>;
    settings['enableWorkspaceTrust'] = wanted.trust;
    if (wanted.smokeTests) {
      settings['developmentOptions'] = { ...Object(settings['developmentOptions']), enableSmokeTestDriver: true };
    }
    return JSON.stringify(settings);
  };
}

/** Keep the texts of notifications, which go away by themselves. */
function remember(): void {
  const seen = new Set<string>();
  (globalThis as Watched).advisorNotifications = seen;
  const look = (): void => {
    for (const message of document.querySelectorAll('.notifications-toasts .notification-list-item-message')) {
      if (message.textContent) seen.add(message.textContent.trim());
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
}
