/**
 * The formatter (.prettierrc.json) finds nothing to change, and lines are narrow, comments too, which it
 * leaves alone.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../..');
const FOLDERS = ['src', 'test', 'bench', 'web'];
const MAX_COLUMNS = 110;
/** They hold programs and output of others in strings of several lines. */
const OTHERS_TEXT = ['bench/groups.ts', 'test/real/clients.test.ts', 'test/real/cluster.test.ts'];

test('the formatter has nothing to change (npm run format)', () => {
  const prettier = path.join(ROOT, 'node_modules/prettier/bin/prettier.cjs');
  const args = [prettier, '--check', '--log-level', 'warn', ...FOLDERS];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect({ problems: `${stdout}${stderr}`, status }).toEqual({ problems: '', status: 0 });
}, 900_000);

function sourcesBelow(folder: string): string[] {
  return fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesBelow(name);
    return /\.tsx?$/.test(name) ? [name] : [];
  });
}

/** Titles of tests, which the formatter keeps whole, template literals, and long words cannot be broken. */
function mayBeWide(line: string): boolean {
  const isTitle = /^\s*test(\.each\(.*\))?\(/.test(line);
  return isTitle || line.includes('`') || line.split(' ').some((word) => word.length > 80);
}

test(`no line is wider than ${MAX_COLUMNS} columns`, () => {
  const files = FOLDERS.flatMap(sourcesBelow).filter((file) => !OTHERS_TEXT.includes(file));
  const wide = files.flatMap((file) =>
    fs
      .readFileSync(path.join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (line.length > MAX_COLUMNS && !mayBeWide(line) ? [`${file}:${i + 1}`] : [])),
  );
  expect(wide).toEqual([]);
});
