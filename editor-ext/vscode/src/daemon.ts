/** The connection to the server: one `advisor lsp` process, restarted when it ends by itself. */

import {
  type CancellationToken,
  type Disposable,
  EventEmitter,
  type Event,
  type LogOutputChannel,
  type Uri,
  window,
  workspace,
} from 'vscode';
import { Backoff, type Failure } from './backoff';
import type { Client, Witness } from './client';
import { ServerProcess } from './process';
import { TRUST, STATUS, type Status } from './protocol';
import { readStatus } from './reading';
import { childEnvironment } from './trust';

/** What the rest of the extension may ask of the server. */
export interface Daemon {
  /** Ask the server; rejects with a sentence where it refuses or does not run. */
  request<R>(method: string, params: unknown, token?: CancellationToken): Promise<R>;
  /** What the server says of a document, whenever that changes. */
  readonly onStatus: Event<Status>;
  /** The last that it said; undefined for what it does not know. */
  statusOf(uri: Uri): Status | undefined;
  readonly running: boolean;
  /** Whether it runs, and if not whether it will, whenever that changes. */
  readonly onLife: Event<Life>;
  /** After every start of the server, the first included: what was asked of the last one has to be asked again. */
  readonly onDidRestart: Event<void>;
}

/** The command line of the server. */
export interface Program {
  command: string;
  args: string[];
}

/** `idle`: nothing was asked for; `waiting`: it ended and is started again soon; `down`: it is not started again. */
export type Life = 'idle' | 'starting' | 'running' | 'waiting' | 'down';

/** What is said where the server is needed and does not run. */
export const NOT_RUNNING = 'The advisor does not run: start it with "Advisor: Restart".';

/** What a server says at its end may come after the end. */
const LAST_WORDS_MS = 300;
/** A server that has not answered its first request by then is taken for one that ended. */
const START_MS = 60_000;

/** What the person is asked when the server keeps ending. */
const RESTART = 'Restart';
const SHOW_LOG = 'Show log';
const DOCTOR = 'Doctor';

export class AdvisorDaemon implements Daemon, Disposable {
  private readonly statuses = new Map<string, Status>();
  private readonly statusEmitter = new EventEmitter<Status>();
  private readonly restartEmitter = new EventEmitter<void>();
  private readonly lifeEmitter = new EventEmitter<Life>();
  private readonly backoff = new Backoff();
  private client: Client | undefined;
  /** The process of the last client. */
  private server: ServerProcess | undefined;
  private program: Program | undefined;
  private timer: NodeJS.Timeout | undefined;
  private life_: Life = 'idle';
  /** Starts and stops, one after the other. */
  private turn: Promise<void> = Promise.resolve();
  /** The ends of servers that nobody waited for when they began. */
  private ending: Promise<unknown> = Promise.resolve();

  readonly onStatus = this.statusEmitter.event;
  readonly onDidRestart = this.restartEmitter.event;
  readonly onLife = this.lifeEmitter.event;

  /** Has the server started, where nothing has asked for it so far. */
  needed: () => Promise<void> = () => Promise.resolve();

  /**
   * `run` runs one of the extension's commands, for the buttons of the last message. `load` loads the client, most of
   * the bundle, when it is needed.
   */
  constructor(
    private readonly log: LogOutputChannel,
    private readonly run: (command: 'advisor.restart' | 'advisor.runDoctor') => void,
    private readonly load = () => import('./client'),
  ) {}

  get life(): Life {
    return this.life_;
  }

  get running(): boolean {
    return this.life_ === 'running';
  }

  statusOf(uri: Uri): Status | undefined {
    return this.statuses.get(uri.toString());
  }

  async request<R>(method: string, params: unknown, token?: CancellationToken): Promise<R> {
    if (!this.running) await this.needed();
    if (!this.client || !this.running) {
      throw new Error(NOT_RUNNING);
    }
    // An undefined token would be sent as a second parameter.
    return token ? this.client.sendRequest<R>(method, params, token) : this.client.sendRequest<R>(method, params);
  }

  /** Start the server, in place of one that runs. Resolves when it runs or its failure is known. */
  start(program: Program): Promise<void> {
    this.backoff.reset();
    this.endNow(); // one that does not come to life would be waited for
    return this.inTurn(async () => {
      await this.end();
      this.program = program;
      await this.begin(program);
    });
  }

  /** End the server; it stays down until it is started. Resolves when no process of a server is left. */
  stop(): Promise<void> {
    this.endNow(); // or a start that hangs would be waited for
    return this.inTurn(async () => {
      await this.end();
      await this.ending;
      this.program = undefined;
      this.become('idle');
    });
  }

  /** End the server for good, and with it the log: until then it is told there how the server ends. */
  async close(): Promise<void> {
    await this.stop().finally(() => this.log.dispose());
  }

  /** Have the server ask for the settings again. */
  async settingsChanged(): Promise<void> {
    if (this.running) await this.client?.sendNotification('workspace/didChangeConfiguration', { settings: null });
  }

  async trustGranted(): Promise<void> {
    if (this.running) await this.client?.sendNotification(TRUST, { trusted: true });
  }

  /** Forget what the server said of a document that was closed. */
  forget(uri: Uri): void {
    this.statuses.delete(uri.toString());
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const emitter of [this.statusEmitter, this.restartEmitter, this.lifeEmitter]) emitter.dispose();
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(work);
    this.turn = done.catch((error: unknown) =>
      this.log.error(`The server could not be started or ended: ${String(error)}`),
    );
    return done;
  }

  private become(life: Life): void {
    if (life === this.life_) return;
    this.life_ = life;
    this.lifeEmitter.fire(life);
  }

  private async begin(program: Program): Promise<void> {
    this.become('starting');
    this.log.info(`Starting the server: ${program.command}`);
    this.log.debug(JSON.stringify(program));
    const server = new ServerProcess(program, childEnvironment());
    const witness: Witness = { ended: () => this.failed(client, 'ended') };
    const trusted = workspace.isTrusted;
    let client: Client;
    try {
      const { Client, clientOptions } = await this.load();
      client = new Client(server, clientOptions(this.log, trusted, witness), this.log);
    } catch (error) {
      this.log.error(`The client could not be loaded: ${String(error)}`);
      this.become('down');
      return;
    }
    client.onNotification(STATUS, (said: unknown) => this.heard(said));
    this.client = client;
    this.server = server;
    try {
      if (!(await inTime(client.start()))) {
        this.log.error(`The server did not answer within ${START_MS / 1000} s.`);
        this.failed(client, 'silent');
        return;
      }
    } catch (error) {
      this.log.error(`The server did not start: ${String(error)}`);
      this.failed(client, 'ended');
      return;
    }
    if (this.client !== client) return; // it ended while it started
    this.backoff.started(Date.now());
    this.become('running');
    if (workspace.isTrusted !== trusted) await this.trustGranted(); // meanwhile
    this.restartEmitter.fire();
  }

  private async end(): Promise<void> {
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    this.statuses.clear();
    await client?.dispose();
  }

  private endNow(): void {
    this.later(this.end());
  }

  /** Leave an end to itself; a stop waits for it. */
  private later(end: Promise<void>): void {
    const done = end.catch((error: unknown) => this.log.warn(`The server did not end as it should: ${String(error)}`));
    this.ending = Promise.all([this.ending, done]);
  }

  private heard(said: unknown): void {
    const status = readStatus(said);
    if (!status) {
      this.log.warn(`${STATUS}: not understood: ${JSON.stringify(said)}`);
      return;
    }
    const open = workspace.textDocuments.some((document) => document.uri.toString() === status.uri);
    if (open || workspace.notebookDocuments.some((notebook) => notebook.uri.toString() === status.uri)) {
      this.statuses.set(status.uri, status);
      this.statusEmitter.fire(status);
    }
  }

  /** A server is gone that nobody ended, or has to go. */
  private failed(client: Client, how: Failure): void {
    if (client !== this.client) return;
    this.client = undefined;
    this.statuses.clear();
    const noticed = new Promise((resolve) => setTimeout(resolve)); // that it has no connection
    this.later(noticed.then(() => client.dispose()));
    const wait = this.backoff.failed(how, Date.now());
    if (wait === undefined) {
      this.become('down');
      this.giveUp().catch((error: unknown) => this.log.error(String(error)));
      return;
    }
    this.log.warn(`The server ${how === 'silent' ? 'was ended' : 'ended'}; it is started again in ${wait / 1000} s.`);
    this.become('waiting');
    const again = (): void => void this.inTurn(() => this.again()).catch(() => undefined); // inTurn has logged it
    this.timer = setTimeout(again, wait);
  }

  private async again(): Promise<void> {
    if (this.program && !this.client && this.life_ === 'waiting') await this.begin(this.program);
  }

  private async giveUp(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
    const message = `The advisor ${this.backoff.summary}, and is not started again. ${this.server?.farewell}`;
    this.log.error(message);
    const choice = await window.showErrorMessage(message, RESTART, SHOW_LOG, DOCTOR);
    if (choice === RESTART) this.run('advisor.restart');
    if (choice === SHOW_LOG) this.log.show();
    if (choice === DOCTOR) this.run('advisor.runDoctor');
  }
}

/** Wait for a start; whether it took no longer than a start may. */
async function inTime(start: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), START_MS);
  });
  try {
    return await Promise.race([start.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
