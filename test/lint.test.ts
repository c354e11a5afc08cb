/** The typed lint (eslint.config.js) over the sources: one question, and nothing may be left of it. */
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../..');

test('no promise is left to itself: a rejection that nobody sees would end the broker', () => {
  const eslint = path.join(ROOT, 'node_modules/eslint/bin/eslint.js');
  const args = [eslint, '--no-inline-config', '--max-warnings', '0', 'src', 'test', 'bench'];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect({ problems: `${stdout}${stderr}`, status }).toEqual({ problems: '', status: 0 });
}, 900_000);
