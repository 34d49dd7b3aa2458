// ThirdPartyNotices.txt: the licence texts of the packages whose code is in the bundles.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const LICENCE = /^(licen[cs]e|copying|notice|third-?party-?notices?)([.-].*)?$/i;

/** Write the file for the inputs of esbuild's metafiles; fails for a package that has no licence text. */
export async function writeNotices(metafiles, file) {
  const outputs = metafiles.flatMap((metafile) => Object.values(metafile.outputs));
  const inputs = outputs.flatMap((output) => Object.entries(output.inputs));
  const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([input]) => folderOf(input));
  const folders = [...new Set(used)].filter((folder) => folder !== undefined).sort();
  const parts = await Promise.all(folders.map(notice));
  const head = 'This extension contains code of the packages below, under the licences that follow their names.\n';
  await writeFile(file, [head, ...parts].join(`\n${'-'.repeat(80)}\n\n`));
}

/** The folder of the package that a bundled file belongs to; undefined for our own files. */
function folderOf(input) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((each) => LICENCE.test(each)).sort();
  if (files.length === 0) throw new Error(`${folder} has no licence text: add it to the notices by hand.`);
  const texts = await Promise.all(files.map((each) => readFile(join(folder, each), 'utf8')));
  const plain = texts.map((text) => text.replaceAll('\r\n', '\n').trim());
  return [`${name} ${version} (${license})`, ...plain, ''].join('\n\n');
}
