/** The server's process: it is started, it is heard, and it ends when it is to end, whatever state it is in. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import type { Program } from './daemon';
import { LastWords } from './words';

/** Milliseconds that a server which was told to end may take for it. */
const GRACE_MS = 2_000;

export class ServerProcess {
  private readonly words = new LastWords();
  private child: ChildProcessWithoutNullStreams | undefined;
  private killed = false;

  constructor(
    private readonly program: Program,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** Start it; rejects where that cannot be done. */
  start(): Promise<ChildProcessWithoutNullStreams> {
    // a relative entry of PYTHONPATH would be looked for in the working folder: never the workspace's
    const options = { cwd: homedir(), env: this.environment, windowsHide: true };
    const child = spawn(this.program.command, this.program.args, options);
    this.child = child;
    child.stderr.setEncoding('utf-8').on('data', (piece: string) => this.words.heard(piece));
    return new Promise((resolve, reject) => {
      child.once('spawn', () => resolve(child));
      child.once('error', reject);
    });
  }

  /** It was told to end: kill it where it has not after a while. Resolves when it has ended. */
  async endSoon(): Promise<void> {
    const { child } = this;
    if (!child || !this.runs) return;
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    await once(child, 'exit');
    clearTimeout(timer);
  }

  /** End it now. The language client's own way needs a script beside it, which is not in our bundle. */
  kill(): void {
    if (!this.runs) return;
    this.killed = true;
    this.child?.kill('SIGKILL');
  }

  /** What is known of its end, in a sentence. */
  get farewell(): string {
    if (this.words.line !== '') return `It last said: ${this.words.line}`;
    const { exitCode, signalCode } = this.child ?? {};
    const how = signalCode ?? (typeof exitCode === 'number' ? `exit code ${exitCode}` : '');
    return how === '' || this.killed ? 'It said nothing.' : `It said nothing (${how}).`;
  }

  private get runs(): boolean {
    const child = this.child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }
}
