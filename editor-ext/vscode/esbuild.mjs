// Bundles the extension and its web view into dist/: `node esbuild.mjs [--watch | --minify]`; with --minify, as it is
// packaged, the licences of what is bundled go to ThirdPartyNotices.txt.
// With --tests, the tests into .test-out/.
import { readdir, rm } from 'node:fs/promises';
import { context } from 'esbuild';
import { writeNotices } from './notices.mjs';

const minify = process.argv.includes('--minify');
const shared = { bundle: true, minify, legalComments: 'none', logLevel: 'info', metafile: true };
const node = { ...shared, platform: 'node', format: 'cjs', target: 'node20', external: ['vscode'] };

const extension = {
  ...node,
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.js',
  sourcemap: minify ? false : 'linked',
};

const view = {
  ...shared,
  platform: 'browser',
  format: 'iife',
  target: 'chrome114',
  entryPoints: ['src/view/web/main.ts'],
  outfile: 'dist/view.js',
};

async function tests() {
  await rm('.test-out', { recursive: true, force: true });
  const files = await readdir('test', { recursive: true });
  const entryPoints = files.filter((file) => file.endsWith('.test.ts')).map((file) => `test/${file}`);
  return { ...node, entryPoints, outdir: '.test-out', outbase: 'test', sourcemap: 'inline', logLevel: 'warning' };
}

const wanted = process.argv.includes('--tests') ? [await tests()] : [extension, view];
const metafiles = [];
for (const options of wanted) {
  const bundle = await context(options);
  if (process.argv.includes('--watch')) {
    await bundle.watch();
  } else {
    metafiles.push((await bundle.rebuild()).metafile);
    await bundle.dispose();
  }
}
if (minify) await writeNotices(metafiles, 'ThirdPartyNotices.txt');
