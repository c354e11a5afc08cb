/**
 * Builds the lab's page into static files: `node web/build.mjs [DIR]`, by default into .samsa/lab-page. Any
 * static web server can serve them, from any path; the page asks nothing of another host.
 *
 * Prints what each file weighs as it is and compressed, and fails if all of them together weigh more than the
 * limit.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const WEB = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(WEB, '..');
const LIMIT_KB = 400;

const shim = (name) => path.join(WEB, 'shims', name);

/** Modules that a browser does not have, and what stands in for them. */
const ALIAS = {
  'node:zlib': shim('zlib.ts'),
  '@node-rs/crc32': shim('codecs.ts'),
  'lz4-napi': shim('codecs.ts'),
  snappy: shim('codecs.ts'),
  '@bokuweb/zstd-wasm': shim('codecs.ts'),
};

const COMMON = {
  bundle: true,
  minify: true,
  sourcemap: false,
  target: 'es2022',
  logLevel: 'warning',
  legalComments: 'none',
  charset: 'utf8',
  tsconfig: path.join(WEB, 'tsconfig.json'),
};

export async function buildWorker(directory) {
  await esbuild.build({
    ...COMMON,
    entryPoints: [path.join(WEB, 'worker.ts')],
    outfile: path.join(directory, 'worker.js'),
    platform: 'browser',
    format: 'iife',
    alias: ALIAS,
    inject: [shim('globals.ts')],
  });
}

async function buildPage(directory) {
  const { textsPlugin } = await import(pathToFileURL(path.join(WEB, 'page/texts-plugin.mjs')).href);
  await esbuild.build({
    ...COMMON,
    entryPoints: { page: path.join(WEB, 'page/main.tsx') },
    outdir: directory,
    platform: 'browser',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [textsPlugin(esbuild, ROOT)],
  });
  await esbuild.build({
    ...COMMON,
    entryPoints: [path.join(WEB, 'page/page.css')],
    outfile: path.join(directory, 'page.css'),
  });
  fs.copyFileSync(path.join(WEB, 'page/index.html'), path.join(directory, 'index.html'));
}

/** What a browser must not ask of anybody else. Namespaces, such as that of SVG, are names, not addresses. */
function foreignAddresses(text) {
  return [...text.matchAll(/https?:\/\/[^\s"'`<>)\\]+/g)]
    .map(([address]) => address)
    .filter((address) => !/^https?:\/\/(www\.w3\.org|localhost|127\.0\.0\.1)\b/.test(address));
}

const kilobytesOf = (bytes) => `${(bytes / 1024).toFixed(0).padStart(4)} KB`;

/** Prints the sizes; returns the sum of the compressed ones in KB. */
function weigh(directory) {
  let sum = 0;
  for (const name of fs.readdirSync(directory).sort()) {
    const data = fs.readFileSync(path.join(directory, name));
    const compressed = gzipSync(data, { level: 9 }).length;
    sum += compressed;
    console.log(`${name.padEnd(12)} ${kilobytesOf(data.length)} ${kilobytesOf(compressed)} gzipped`);
    const foreign = [...new Set(foreignAddresses(data.toString()))];
    if (foreign.length > 0) console.log(`  addresses in it, as texts: ${foreign.join(' ')}`);
  }
  return sum / 1024;
}

export async function build(directory) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  await buildWorker(directory);
  await buildPage(directory);
}

/** A folder that holds something else is not emptied. */
function requireOurs(directory) {
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  if (names.length > 0 && !names.includes('worker.js'))
    throw new Error(`${directory} holds other files; name an empty folder`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = path.resolve(process.argv[2] ?? path.join(ROOT, '.samsa/lab-page'));
  try {
    requireOurs(directory);
    await build(directory);
    const kilobytes = weigh(directory);
    console.log(`${directory}: ${kilobytes.toFixed(0)} KB gzipped in all, of ${LIMIT_KB} allowed`);
    if (kilobytes > LIMIT_KB) process.exitCode = 1;
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
