/** What clients call themselves cannot look like lines of the log. */
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { logLine } from '../../src/common/log-line';
import { KafkaError } from '../../src/common/errors';

test('a name with a line break forges no line', () => {
  const group = 'g\n[2026-01-01 00:00:00,000] INFO broker 1 is the controller\r\n';
  expect(logLine(`Group ${group} is empty`)).toBe(
    'Group g\\n[2026-01-01 00:00:00,000] INFO broker 1 is the controller\\r\\n is empty',
  );
});

test('nothing steers a terminal, ends a line or turns the direction of text', () => {
  for (let code = 0; code < 0x3000; code++) {
    const character = String.fromCharCode(code);
    const line = logLine(`a${character}b`);
    if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(character)) expect(line).toMatch(/^a\\[nrtu]/);
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  }
  expect(logLine('Тема «заказы» 𝄞 é')).toBe('Тема «заказы» 𝄞 é');
});

test('a stack keeps its lines, and the message before it is one line', () => {
  const error = new Error('bad\nname');
  const [first, ...rest] = logLine(`JoinGroup failed: ${error.stack}`).split('\n');
  expect(first).toBe('JoinGroup failed: Error: bad\\nname');
  expect(rest.length).toBeGreaterThan(0);
  for (const line of rest) expect(line).toMatch(/^ {4}at /);
});

test('a line has an end, and so has what an error says', () => {
  expect(logLine('x'.repeat(1_000_000)).length).toBeLessThan(21_000);
  const error = new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${'x'.repeat(32767)}`);
  expect(error.message).toHaveLength(1000);
});

test('every line of a process goes through it', () => {
  const nodeLog = JSON.stringify(path.join(__dirname, '../../src/host/node-log'));
  const script = `
    const log = require(${nodeLog}).nodeLog('debug').child('GroupCoordinator');
    for (const level of ['error', 'warn', 'info', 'debug']) log[level]('group a\\nb');
  `;
  const { stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(line).toMatch(/\[GroupCoordinator\] group a\\nb$/);
});
