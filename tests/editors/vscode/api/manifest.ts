/** What the installed extension says of itself in its package.json. */

import { extensions } from 'vscode';

interface Manifest {
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string }[];
    configuration: { properties: Record<string, { scope: string }> };
    walkthroughs: { steps: { title: string; description: string; completionEvents: string[] }[] }[];
  };
}

export const EXTENSION = 'nas-advisor.nas-advisor';

export function manifest(): Manifest {
  const extension = extensions.getExtension(EXTENSION);
  if (!extension) throw new Error(`${EXTENSION} is not installed`);
  return extension.packageJSON as Manifest;
}
