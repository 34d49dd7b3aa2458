/** Finds the interpreter that has the advisor, starts the server with it, and offers help where there is none. */

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { type Disposable, EventEmitter, type LogOutputChannel, workspace } from 'vscode';
import { type Candidate, type Choice, choose } from './choice';
import type { AdvisorDaemon } from './daemon';
import { advisorArguments, probe, type Probed } from './probe';
import type { PythonEnvironments } from './python';
import { serverInterpreter } from './settings';
import { childEnvironment, real } from './trust';

/** Bytes of a script that are read for its first line. */
const LINE = 512;

/** An interpreter that was asked. */
export interface Asked extends Candidate, Probed {}

/** Why the server was not started. */
export interface Missing {
  asked: Asked[];
  notes: string[];
}

export class Launcher implements Disposable {
  private readonly emitter = new EventEmitter<void>();
  private wanted = false;
  private missing_: Missing | undefined;
  private running: string | undefined;
  /** The search that goes on; a new wish is served by another one after it. */
  private search: Promise<void> | undefined;
  private again = false;
  /** The last start; a search does not wait for it, since another interpreter may be wished for while it hangs. */
  private started: Promise<void> = Promise.resolve();

  /** `missing` changed. */
  readonly onDidChange = this.emitter.event;

  constructor(
    private readonly daemon: AdvisorDaemon,
    private readonly environments: PythonEnvironments,
    private readonly log: LogOutputChannel,
  ) {}

  /** What is missing; undefined while nothing is known to be. */
  get missing(): Missing | undefined {
    return this.missing_;
  }

  /** The interpreter that the server was last started with. */
  get interpreter(): string | undefined {
    return this.running;
  }

  /** Start the server if nobody has wished it before; resolves when it runs, or it is known why not. */
  async ensure(): Promise<void> {
    if (!this.wanted) return this.restart();
    await this.search;
    await this.started;
  }

  /** Start the server anew. */
  async restart(): Promise<void> {
    this.wanted = true;
    this.running = undefined;
    await this.reconsider();
  }

  /** Settings, environments or trust changed: another interpreter may be the right one now. */
  async reconsider(): Promise<void> {
    if (!this.wanted) return;
    this.again = true;
    this.search ??= this.searchAll();
    await this.search;
    await this.started;
  }

  /** The interpreters that would be tried now. */
  choice(): Choice {
    return choose({
      setting: serverInterpreter(workspace.workspaceFolders?.[0]),
      active: this.environments.interpreters,
      folders: (workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      trusted: workspace.isTrusted,
      environment: process.env,
      home: homedir(),
      windows: process.platform === 'win32',
      exists: existsSync,
      real,
      firstLine,
    });
  }

  dispose(): void {
    this.emitter.dispose();
  }

  private async searchAll(): Promise<void> {
    try {
      while (this.again) {
        this.again = false;
        await this.once().catch((error: unknown) => this.failed(error));
      }
    } finally {
      this.search = undefined;
    }
  }

  private async once(): Promise<void> {
    const moved = await this.environments.refresh();
    const { candidates, notes } = this.choice();
    const asked: Asked[] = [];
    for (const candidate of candidates) {
      if (candidate.file === this.running && this.daemon.life !== 'down') {
        if (moved) await this.daemon.settingsChanged();
        return;
      }
      const found: Asked = { ...candidate, ...(await probe(candidate.file, childEnvironment())) };
      if (found.advisor !== undefined) {
        this.start(found, notes);
        return;
      }
      this.log.info(`No advisor in ${found.file} (${found.why})${found.error ? `: ${found.error}` : ''}`);
      asked.push(found);
    }
    for (const note of notes) this.log.warn(note);
    this.running = undefined;
    await this.daemon.stop();
    this.say({ asked, notes });
  }

  /** Nobody may wait for the search: where no server was started before, the person is told what it failed for. */
  private failed(error: unknown): void {
    this.log.error(`The search for an interpreter failed: ${String(error)}`);
    if (this.running === undefined) this.say({ asked: [], notes: [String(error)] });
  }

  private start(found: Asked, notes: string[]): void {
    for (const note of notes) this.log.info(note);
    this.log.info(`The advisor ${found.advisor} of ${found.file}: ${found.why}`);
    this.running = found.file;
    this.say(undefined);
    this.started = this.daemon.start({ command: found.file, args: advisorArguments('lsp') });
    this.started.catch(() => undefined); // the daemon has logged it; who waits for it hears it, too
  }

  private say(missing: Missing | undefined): void {
    this.missing_ = missing;
    this.emitter.fire();
  }
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, 'latin1').slice(0, LINE).split('\n', 1)[0] ?? '';
  } catch {
    return ''; // it cannot be read, so it says nothing about its interpreter
  }
}
