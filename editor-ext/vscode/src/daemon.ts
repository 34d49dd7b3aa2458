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
import { Backoff } from './backoff';
import type { Client, Witness } from './client';
import { TRUST, STATUS, type Status } from './protocol';
import { readStatus } from './reading';

/** What the rest of the extension may ask of the server. */
export interface Daemon {
  /** Ask the server; rejects with a sentence where it refuses or does not run. */
  request<R>(method: string, params: unknown, token?: CancellationToken): Promise<R>;
  /** What the server says of a document, whenever that changes. */
  readonly onStatus: Event<Status>;
  /** The last that it said; undefined for what it does not know. */
  statusOf(uri: Uri): Status | undefined;
  readonly running: boolean;
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
  private program: Program | undefined;
  private timer: NodeJS.Timeout | undefined;
  private life_: Life = 'idle';
  /** What the server last said on its standard error. */
  private lastWords = '';
  /** Starts and stops, one after the other. */
  private turn: Promise<void> = Promise.resolve();

  readonly onStatus = this.statusEmitter.event;
  readonly onDidRestart = this.restartEmitter.event;
  readonly onLife = this.lifeEmitter.event;

  /** Has the server started, where nothing has asked for it so far. */
  needed: () => Promise<void> = () => Promise.resolve();

  /** `run` runs one of the extension's commands, for the buttons of the last message. */
  constructor(
    private readonly log: LogOutputChannel,
    private readonly run: (command: 'advisor.restart' | 'advisor.runDoctor') => void,
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
      throw new Error('The advisor does not run: start it with "Advisor: Restart".');
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

  /** End the server; it stays down until it is started. */
  stop(): Promise<void> {
    this.endNow();
    return this.inTurn(async () => {
      await this.end();
      this.program = undefined;
      this.become('idle');
    });
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
    this.lastWords = '';
    this.log.info(`Starting the server: ${program.command}`);
    this.log.debug(JSON.stringify(program));
    const witness: Witness = {
      ended: () => this.ended(client),
      complained: (text) => {
        this.lastWords = text.trim().split('\n').at(-1) ?? '';
      },
    };
    const trusted = workspace.isTrusted;
    let client: Client;
    try {
      const { Client, clientOptions } = await import('./client'); // most of the bundle: loaded when it is needed
      client = new Client(program, clientOptions(this.log, trusted, witness), this.log);
    } catch (error) {
      this.log.error(`The client could not be loaded: ${String(error)}`);
      this.become('down');
      return;
    }
    client.onNotification(STATUS, (said: unknown) => this.heard(said));
    this.client = client;
    try {
      await inTime(client.start());
    } catch (error) {
      this.log.error(`The server did not start: ${String(error)}`);
      this.ended(client);
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
    this.end().catch((error: unknown) => this.log.warn(`The server did not end as it should: ${String(error)}`));
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

  /** A server is gone that nobody ended. */
  private ended(client: Client): void {
    if (client !== this.client) return;
    this.client = undefined;
    this.statuses.clear();
    const unwell = (error: unknown): void => this.log.debug(`The client did not end: ${String(error)}`);
    setTimeout(() => void client.dispose().catch(unwell)); // once it has noticed that it has no connection
    const wait = this.backoff.ended(Date.now());
    if (wait === undefined) {
      this.become('down');
      this.giveUp().catch((error: unknown) => this.log.error(String(error)));
      return;
    }
    this.log.warn(`The server ended; it is started again in ${wait / 1000} s.`);
    this.become('waiting');
    const again = (): void => void this.inTurn(() => this.again()).catch(() => undefined); // inTurn has logged it
    this.timer = setTimeout(again, wait);
  }

  private async again(): Promise<void> {
    if (this.program && !this.client && this.life_ === 'waiting') await this.begin(this.program);
  }

  private async giveUp(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
    const why = this.lastWords === '' ? '' : ` It last said: ${this.lastWords}`;
    const message = `The advisor ended ${this.backoff.ends} times within three minutes and is not started again.${why}`;
    this.log.error(message);
    const choice = await window.showErrorMessage(message, RESTART, SHOW_LOG, DOCTOR);
    if (choice === RESTART) this.run('advisor.restart');
    if (choice === SHOW_LOG) this.log.show();
    if (choice === DOCTOR) this.run('advisor.runDoctor');
  }
}

/** A start, or a rejection where it takes longer than a start may. */
async function inTime(start: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${START_MS / 1000} s`)), START_MS);
  });
  try {
    await Promise.race([start, late]);
  } finally {
    clearTimeout(timer);
  }
}
