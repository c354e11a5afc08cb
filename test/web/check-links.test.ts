/** Links that were handed in: read from any list, judged in processes of their own, each with a clear row. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { csvRow } from '../../web/check/csv';
import { judgeAll } from '../../web/check/judge-pool';
import { Outcome } from '../../web/check/judge-run';
import { linksIn } from '../../web/check/links-file';
import { exerciseNamed } from '../../web/page/exercises/all-exercises';
import { exerciseRun, START_MS } from '../../web/page/exercises/script';
import { encodeLink } from '../../web/shared/link';
import { Command, Run } from '../../web/shared/run';

const MAIN = path.join(__dirname, '../../web/check/main.js');
const ISR = exerciseRun(exerciseNamed('isr-to-one')!);
const LINK = encodeLink(ISR);

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-check-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

test.each([
  ['a bare link', LINK, ''],
  ['a link with its #', `#${LINK}`, ''],
  ['an address', `http://127.0.0.1:8650/#${LINK}`, ''],
  ['a name before', `Anna Meier http://lab.example/#${LINK}`, 'Anna Meier'],
  ['a name before, of a list', `Bo Larsen;\t#${LINK}`, 'Bo Larsen'],
  ['a line of a spreadsheet', `"Meier, Anna","http://lab.example/#${LINK}"`, 'Meier, Anna'],
  ['an address in angle brackets', `Chi <http://lab.example/#${LINK}>`, 'Chi'],
])('%s is found in its line', (_, text, name) => {
  expect(linksIn(`\ufeff\r\n${text}\r\n\r\n`)).toEqual([
    { line: 2, name, address: expect.stringContaining(LINK), link: LINK },
  ]);
});

test('a line without a link is handed in as well, so that it gets a row', () => {
  expect(linksIn('Anna has none')).toEqual([{ line: 1, name: 'Anna has', address: 'none', link: 'none' }]);
  expect(linksIn(',;,')).toEqual([{ line: 1, name: '', address: ',;,', link: ',;,' }]);
});

test('a cell is one cell, whatever it holds, and never a formula', () => {
  expect(csvRow(['a', 'b,c', 'say "no"', 'x\ny'])).toBe('a,"b,c","say ""no""",x y');
  expect(csvRow(['=1+1', '+x', '-x', '@x'])).toBe("'=1+1,'+x,'-x,'@x");
});

async function judgedBy(program: string, links: readonly string[], deadlineMs: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await judgeAll(links, { jobs: 2, deadlineMs, program }, (outcome, i) => {
    expect(i).toBe(outcomes.length);
    outcomes.push(outcome);
  });
  return outcomes;
}

test('a link that is not judged in time is told so, and those after it are judged', async () => {
  const program = fileOf(
    'sleeps.js',
    `process.on('message', ({ link }) => {
       if (link !== 'sleep') process.send({ exercise: link, hasPassed: true, why: '' });
     });`,
  );
  const outcomes = await judgedBy(program, ['a', 'sleep', 'b', 'sleep', 'c'], 3000);
  expect(outcomes.map(({ exercise }) => exercise)).toEqual(['a', '', 'b', '', 'c']);
  expect(outcomes[1]).toMatchObject({ hasPassed: null, why: expect.stringMatching(/within 3 s/) });
});

test('a process that dies takes one link with it', async () => {
  const program = fileOf(
    'dies.js',
    `process.on('message', ({ link }) => {
       if (link === 'die') process.exit(3);
       process.send({ exercise: link, hasPassed: false, why: 'x' });
     });`,
  );
  const outcomes = await judgedBy(program, ['a', 'die', 'b'], 60_000);
  expect(outcomes.map(({ why }) => why)).toEqual(['x', expect.stringMatching(/has died/), 'x']);
});

function check(...args: readonly string[]): Promise<{ code: number | null; rows: string[]; said: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, said] = [[] as Buffer[], [] as Buffer[]];
  child.stdout.on('data', (data: Buffer) => out.push(data));
  child.stderr.on('data', (data: Buffer) => said.push(data));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const rows = Buffer.concat(out).toString().trimEnd().split('\n');
      resolve({ code, rows, said: Buffer.concat(said).toString() });
    });
  });
}

const act = (...actions: readonly Command[]): Run => ({ ...ISR, actions });
const PAUSED = act(
  { what: 'pause', broker: 2, atMs: START_MS },
  { what: 'pause', broker: 3, atMs: START_MS },
  { what: 'resume', broker: 2, atMs: START_MS + 5000 },
  { what: 'resume', broker: 3, atMs: START_MS + 5000 },
);

test('every line of a file gets its row, and all could be judged', async () => {
  const [passed, open] = [encodeLink(PAUSED), LINK];
  const file = fileOf('good.txt', `Anna #${passed}\nBo #${open}\nChi #${passed}\n`);
  const { code, rows, said } = await check(file, '--jobs', '1');
  expect(rows).toEqual([
    'link,exercise,passed,why not,name',
    `#${passed},isr-to-one,yes,,Anna`,
    `#${open},isr-to-one,no,Nothing was done yet.,Bo`,
    `#${passed},isr-to-one,yes,,Chi`,
  ]);
  expect(said).toContain('3 links: 2 passed, 1 not, 0 could not be judged');
  expect(said).toContain('the same run stands on lines 1, 3');
  expect(code).toBe(0);
});

test('a link that cannot be judged has a row that says why, and the exit code tells', async () => {
  const forged = (run: object) => encodeLink(run as Run);
  const flood: Command[] = Array.from({ length: 300 }, () => ({
    what: 'produce',
    producer: 'p1',
    partition: null,
    key: null,
    value: 'x'.repeat(400),
    count: 10_000,
    atMs: START_MS,
  }));
  const lines = [
    LINK.slice(0, -4),
    LINK.replace('v1', 'v7'),
    `${LINK.slice(0, 30)}x${LINK.slice(31)}`,
    forged({ ...ISR, settings: { 'replica.lag.time.max.ms': '1' } }),
    forged({ ...ISR, brokers: 1 }),
    forged({ ...ISR, exercise: null }),
    forged({ ...ISR, passed: true }),
    encodeLink(act(...flood)),
    'nothing',
    '=HYPERLINK("http://x/#y")',
  ];
  const { code, rows } = await check(fileOf('bad.txt', lines.join('\n')), '--deadline', '8', '--jobs', '2');
  const whys = rows.slice(1).map((row) => row.slice(row.indexOf(',')));
  expect(whys).toEqual([
    ',,,The link is cut off: its end is missing.,',
    ',,,The link is of version 7; this page knows version 1.,',
    expect.stringContaining('The link was altered on its way'),
    ',isr-to-one,,The run is not that of the exercise: settings was changed.,',
    ',isr-to-one,,The run is not that of the exercise: brokers was changed.,',
    ',,,The link is of no exercise.,',
    ',,,The run is not valid: passed is not known.,',
    expect.stringMatching(/^,isr-to-one,,.*(not be judged within 8 s|has died|has ended)/),
    expect.stringContaining('This is not a link of the lab'),
    expect.stringContaining('This is not a link of the lab'),
  ]);
  expect(code).toBe(1);
});

test('a file that is not there, or holds nothing, is said in one line', async () => {
  expect(await check(path.join(folder, 'none.txt'))).toMatchObject({
    code: 1,
    said: expect.stringMatching(/no such file/),
  });
  expect(await check(fileOf('empty.txt', '\n\n'))).toMatchObject({
    code: 1,
    said: expect.stringMatching(/holds no links/),
  });
  expect(await check()).toMatchObject({ code: 1, said: expect.stringContaining('usage') });
  expect(await check('x', '--jobs', '0')).toMatchObject({
    code: 1,
    said: expect.stringContaining('--jobs wants'),
  });
});
