/** The language client: what it tells the server of itself, where its words go, and who decides about a restart. */

import type { LogOutputChannel, OutputChannel } from 'vscode';
import {
  type ClientCapabilities,
  CloseAction,
  ErrorAction,
  type FeatureState,
  LanguageClient,
  type LanguageClientOptions,
  type StaticFeature,
} from 'vscode-languageclient/node';
import type { ServerProcess } from './process';
import { configuration } from './settings';
import { showDocument } from './showing';

/** The id of the client: it reads `advisor.trace.server`. */
const ID = 'advisor';

/** Whose documents the server is told of. */
export const SELECTOR = ['file', 'untitled', 'vscode-notebook-cell'].map((scheme) => ({ scheme, language: 'python' }));

/** Who hears of the server's life. */
export interface Witness {
  /** It is gone. */
  ended(): void;
}

/** Options for one life of the server. */
export function clientOptions(log: LogOutputChannel, trusted: boolean, witness: Witness): LanguageClientOptions {
  return {
    documentSelector: SELECTOR,
    outputChannel: channel(log),
    initializationOptions: { trusted },
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        witness.ended();
        return { action: CloseAction.DoNotRestart, handled: true, message: 'The connection to the server ended.' };
      },
    },
    middleware: { workspace: { configuration }, window: { showDocument: showDocument(log) } },
  };
}

/** The log as the client writes to it: the server's standard error comes in pieces, all else by the line. */
function channel(log: LogOutputChannel): OutputChannel {
  return {
    name: log.name,
    append: (text) => log.warn(text.trimEnd()),
    appendLine: (text) => log.info(text),
    replace: (text) => log.info(text),
    clear: () => log.clear(),
    show: () => log.show(true),
    hide: () => log.hide(),
    dispose: () => log.debug('The client has no more to say.'), // the log stays
  };
}

/** Says that this client shows `advisor/status`. */
class StatusFeature implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const experimental: unknown = capabilities.experimental;
    capabilities.experimental = { ...Object(experimental), advisor: { status: true } };
  }

  initialize(): void {
    // the server is asked for nothing
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    // it keeps nothing
  }
}

/** A client whose words go to the log at their level, and never into message boxes. */
export class Client extends LanguageClient {
  /** Nobody is to be told of the end of a server that was to end. */
  private stopped = false;

  constructor(
    private readonly server: ServerProcess,
    options: LanguageClientOptions,
    private readonly log: LogOutputChannel,
  ) {
    super(ID, 'Advisor', () => server.start(), options);
    this.registerFeature(new StatusFeature());
  }

  /** End the server's process, and wait for its end; one that is not well enough to say goodbye is killed. */
  override async stop(timeout?: number): Promise<void> {
    this.stopped = true;
    try {
      await super.stop(timeout);
      await this.server.endSoon();
    } catch (error) {
      this.server.kill(); // first of all: nothing that fails may leave it behind
      this.log.debug(`The server cannot be asked to end: ${String(error)}`);
    }
  }

  override debug(message: string, data?: unknown): void {
    this.log.debug(worded(message, data));
  }

  override info(message: string, data?: unknown): void {
    this.log.info(worded(message, data));
  }

  override warn(message: string, data?: unknown): void {
    this.log.warn(worded(message, data));
  }

  override error(message: string, data?: unknown): void {
    if (this.stopped) this.log.debug(worded(message, data));
    else this.log.error(worded(message, data));
  }
}

function worded(message: string, data: unknown): string {
  return data === undefined || data === null ? message : `${message} ${String(data)}`;
}
