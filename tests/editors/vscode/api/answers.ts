/** What commands answer, and that they have done what they say. */

import * as vscode from 'vscode';
import { equal, fact, holds, screen, sleep, type Test, until } from './harness.ts';
import { findings, found, open, titles } from './net.ts';

/** What a command of the server that shows a page answers. */
interface Shown {
  markdown: string;
  shown: boolean;
}

async function call<T = Shown>(command: string, ...given: unknown[]): Promise<T> {
  const answer: T | undefined = await vscode.commands.executeCommand<T>(command, ...given);
  holds(answer, `${command} answered nothing`);
  return answer;
}

/** The Markdown of a command's page, without the escapes; the page is closed. */
async function page(command: string, ...given: unknown[]): Promise<string> {
  const { markdown } = await call(command, ...given);
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  return markdown.replaceAll('\\', '');
}

/** Open the file once all is known of it; what commands take for its model. */
async function model(): Promise<{ uri: string; model: string }> {
  const document = await open();
  await found(document, 'OPS503');
  return { uri: document.uri.toString(), model: 'Net' };
}

function hasMessages(markdown: string): void {
  for (const line of fact('messages').split('\n')) {
    const message = line.slice(line.indexOf(' ') + 1);
    holds(markdown.includes(message), `${message} is not in ${markdown}`);
  }
}

export const answers: Test[] = [
  {
    name: 'showModelTable has what each layer takes on each target',
    body: async () => {
      const markdown = await page('advisor.showModelTable', await model());
      const lines = (name: string): string[] => fact(name).split('\n');
      const rows = markdown.split('\n');
      lines('layers').forEach((layer, index) => {
        const [path = ''] = layer.split(' ');
        const row = rows.find((one) => one.startsWith(`| \`${path}\` |`)) ?? '';
        for (const latency of [lines('layerLatencies')[index], lines('layerLatenciesOnSecond')[index]]) {
          // what takes no time, or has no module, has no such row
          if (path !== '(no' && latency !== '0 us') holds(row.includes(`| ${latency} `), `${layer}, ${latency}: ${row}`);
        }
      });
      holds(markdown.includes(fact('latency')) && markdown.includes(fact('latencyOnSecond')), markdown);
    },
  },
  {
    name: 'showFindings has all messages',
    body: async () => hasMessages(await page('advisor.showFindings', await model())),
  },
  {
    name: "explain answers with the rule's page",
    body: async () => equal((await call('advisor.explain', 'CHN101')).markdown, fact('page')),
  },
  {
    name: 'howToTrust says that there is trust',
    body: async () => {
      const markdown = await page('advisor.howToTrust', await model());
      holds(markdown.includes('This is trusted'), markdown);
    },
  },
  {
    name: 'auditWorkspace has all messages, and counts them',
    body: async () => {
      await model();
      const known = findings(await open()).length;
      const report = await call<Shown & { files: number; findings: number }>('advisor.auditWorkspace');
      hasMessages(report.markdown.replaceAll('\\', ''));
      equal(report.files, 1);
      equal(report.findings, known);
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    },
  },
  {
    name: 'the doctor says what a bug report needs',
    body: async () => {
      await open();
      const markdown = await page('advisor.doctor');
      holds(markdown.includes(fact('versions')), markdown);
    },
  },
  {
    name: 'applySafeFixes shows what it would do, and does it',
    body: async () => {
      const document = await open();
      await found(document, 'OPS503');
      const before = document.getText();
      const asked = vscode.commands.executeCommand('advisor.applySafeFixes');
      const unseen = asked.then(() => Promise.reject(new Error('it ended, and nothing was seen before')));
      await Promise.race([unseen, screen('click', { selector: '.bulk-edit-panel .edit-checkbox' })]);
      unseen.then(undefined, () => {}); // it ends now, as it should
      await screen('click', { selector: '.bulk-edit-panel .monaco-button', text: 'Apply' });
      await asked;
      holds(document.getText().includes('bias=False'), document.getText());
      holds(document.getText().includes('Block(32, 68)'), 'an unsafe fix was applied');
      await vscode.commands.executeCommand('undo');
      equal(document.getText(), before);
    },
  },
  {
    name: 'tellArgs has written how to build the model when it ends',
    body: async () => {
      const document = await open();
      await found(document, 'OPS503');
      const before = document.getText();
      await vscode.commands.executeCommand('advisor.tellArgs');
      holds(document.getText().includes('# advisor: input='), document.getText());
      await vscode.commands.executeCommand('undo');
      await until('the text as it was', () => document.getText(), (text) => text === before);
    },
  },
  {
    name: 'selectTarget has all targets, the active one first, and switchTarget has switched when it ends',
    body: async () => {
      const document = await open();
      await found(document, 'OPS503');
      const [first = '', second = ''] = fact('targets').split(',');
      const offered = async (): Promise<string[]> => {
        void vscode.commands.executeCommand('advisor.selectTarget');
        const rows = await screen<string[]>('rows');
        await screen('press', { key: 'Escape' });
        return rows.map((row) => row.replace(/\s/g, ''));
      };
      const rows = await offered();
      const all = fact('described').split('\n');
      equal(rows.join('\n'), all.slice(0, rows.length).join('\n').replace(/ /g, ''));
      try {
        await vscode.commands.executeCommand('advisor.switchTarget', second);
        let [active] = await offered();
        for (let tries = 0; tries < 5 && !active?.startsWith(second); tries += 1) {
          await sleep(300); // the rows of the list before may still stand there
          [active] = await offered();
        }
        holds(active?.startsWith(second), active);
      } finally {
        await vscode.commands.executeCommand('advisor.restart');
      }
      await until('both targets', () => titles(document), (text) => text.includes(first) && text.includes(second));
    },
  },
];
