/** The server's pages are Markdown files: they are shown as pages, not as source. */

import { commands, type LogOutputChannel, Uri } from 'vscode';
import {
  CancellationToken,
  type ShowDocumentParams,
  type ShowDocumentRequest,
  type ShowDocumentResult,
} from 'vscode-languageclient/node';

export type ShowDocument = (
  params: ShowDocumentParams,
  next: ShowDocumentRequest.HandlerSignature,
) => Promise<ShowDocumentResult>;

/** Middleware of `window/showDocument`; what cannot be shown as a page is opened as text. */
export function showDocument(log: LogOutputChannel): ShowDocument {
  return async (params, next) => {
    const uri = Uri.parse(params.uri);
    if (params.external !== true && params.selection === undefined && uri.path.endsWith('.md')) {
      try {
        await commands.executeCommand('markdown.showPreview', uri);
        return { success: true };
      } catch (error) {
        log.debug(`No Markdown preview: ${String(error)}`);
      }
    }
    const result = await next(params, CancellationToken.None);
    return result instanceof Error ? { success: false } : result;
  };
}
