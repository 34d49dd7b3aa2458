/** What an interpreter is given of our environment, by the trust in the workspace. */

import { realpathSync } from 'node:fs';
import { workspace } from 'vscode';
import { withoutFolders } from './environment';

/** The environment of the probe, the server and the doctor. */
export function childEnvironment(): NodeJS.ProcessEnv {
  return workspace.isTrusted ? process.env : untrusted();
}

/** Whether a server that was started before the workspace was trusted misses something of the environment. */
export function trustAddsPaths(): boolean {
  return Object.entries(untrusted()).some(([name, value]) => value !== process.env[name]);
}

/** A path without links; the path itself for what is not there. */
export function real(file: string): string {
  try {
    return realpathSync.native(file); // which has names as they are on the disk: letters' case, and no short ones
  } catch {
    return file; // it is gone, or may not be looked at: what starts it will say so
  }
}

function untrusted(): Record<string, string | undefined> {
  const folders = (workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  return withoutFolders(process.env, folders, real);
}
