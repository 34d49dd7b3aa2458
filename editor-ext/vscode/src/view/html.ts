/** The model view's page: a script and the style sheets of the extension, and nothing else. */

import { randomBytes } from 'node:crypto';
import { Uri, type Webview } from 'vscode';

/** Style sheets in `media/view`, in their order. */
const STYLES = ['base.css', 'page.css', 'chart.css'];

/** The folders whose files the page may load. */
export function roots(extension: Uri): Uri[] {
  return [Uri.joinPath(extension, 'dist'), Uri.joinPath(extension, 'media', 'view')];
}

export function html(webview: Webview, extension: Uri): string {
  const nonce = randomBytes(18).toString('base64');
  const styles = STYLES.map((name) => webview.asWebviewUri(Uri.joinPath(extension, 'media', 'view', name)).toString());
  const script = webview.asWebviewUri(Uri.joinPath(extension, 'dist', 'view.js')).toString();
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'", // the two that do not fall back on default-src
    "form-action 'none'",
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model view</title>
${styles.map((style) => `<link rel="stylesheet" href="${style}">`).join('\n')}
</head>
<body>
<main id="page"></main>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
