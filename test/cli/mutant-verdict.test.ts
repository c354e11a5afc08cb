/** What counts as killed, what as survived, and what only shows that a patch is wrong. */
import { parseMutant } from '../../src/cli/mutant-patch';
import {
  judgeInstrument,
  judgeTests,
  report,
  summarize,
  summaryLines,
  Verdict,
  verdictLine,
} from '../../src/cli/mutant-verdict';

function mutant(name: string, seeds = 'walks') {
  const diff = ['--- a/src/a.ts', '+++ b/src/a.ts', '@@ -1 +1 @@', '-a', '+b'];
  return parseMutant(
    name,
    [`What: ${name} is | wrong`, 'Harm: loss', 'Tests: test/a.test.ts', `Seeds: ${seeds}`, ...diff].join(
      '\n',
    ),
  );
}

type Assertion = readonly [title: string, reason?: string];
const suite = (assertions: readonly Assertion[], message = '') => ({
  name: '/x/dist/test/a.test.js',
  status: message || assertions.some(([, reason]) => reason) ? 'failed' : 'passed',
  message,
  startTime: 0,
  endTime: 1,
  assertionResults: assertions.map(([fullName, reason]) => ({
    fullName,
    status: reason ? 'failed' : 'passed',
    failureMessages: reason ? [reason] : [],
  })),
});

test('a broken promise kills, and is named', () => {
  const result = { testResults: [suite([['fine'], ['nothing is lost', 'Error: expected 5\n at x']])] };
  expect(judgeTests(result, 2)).toEqual({ kind: 'killed', by: 'a.test.ts: nothing is lost', seconds: 2 });
});

test('tests that pass let the mutant survive', () => {
  expect(judgeTests({ testResults: [suite([['fine']])] }, 2)).toEqual({ kind: 'survived', seconds: 2 });
});

test('code that calls what does not exist is no kill, unless another promise is broken too', () => {
  for (const reason of [
    'ReferenceError: x is not defined',
    'TypeError: log.gone is not a function',
    '\u001b[31mSyntaxError: x\u001b[39m',
  ]) {
    expect(judgeTests({ testResults: [suite([['a', reason]])] }, 2).kind).toBe('error');
    expect(
      judgeTests(
        {
          testResults: [
            suite([
              ['a', reason],
              ['b', 'Error: expected 5'],
            ]),
          ],
        },
        2,
      ),
    ).toMatchObject({ by: 'a.test.ts: b' });
  }
});

test('a file that cannot be loaded, or holds no matching test, is no kill', () => {
  const message = "  ● Test suite failed to run\n\n    Cannot find module 'x'\n\n      at y";
  const unloaded = judgeTests({ testResults: [suite([], message)] }, 2);
  expect(unloaded).toEqual({ kind: 'error', problem: "a.test.ts does not run: Cannot find module 'x'" });
  expect(judgeTests({ testResults: [] }, 2).kind).toBe('error');
});

test('an instrument kills by a violation, after a number of runs; exit code 0: survived; else: an error', () => {
  const ended = { stdout: '', stderr: '', seconds: 3 };
  const found = judgeInstrument({
    ...ended,
    code: 1,
    stdout: 'walk 77: 1 violation(s)\n1,234 walks: violation in walk 77\n',
  });
  expect(found).toEqual({ kind: 'killed', by: '1,234 walks', seconds: 3 });
  expect(judgeInstrument({ ...ended, code: 1, stdout: 'violation' })).toMatchObject({
    kind: 'killed',
    by: 'a violation',
  });
  expect(judgeInstrument({ ...ended, code: 0, stdout: 'no violation' })).toEqual({
    kind: 'survived',
    seconds: 3,
  });
  expect(judgeInstrument({ ...ended, code: 1, stderr: 'error: unknown option' })).toEqual({
    kind: 'error',
    problem: 'error: unknown option',
  });
  expect(judgeInstrument({ ...ended, code: 255 })).toEqual({ kind: 'error', problem: 'exit code 255' });
  expect(judgeInstrument({ ...ended, code: null })).toMatchObject({ kind: 'killed', by: 'a hang' });
});

const killed = { kind: 'killed', by: 'b', seconds: 1 } as const;
const survived = { kind: 'survived', seconds: 1 } as const;
const error = { kind: 'error', problem: 'p' } as const;

test('who survives the seeds it names is a survivor of its own kind', () => {
  const verdicts: Verdict[] = [
    { mutant: mutant('good'), tests: killed, seeds: killed },
    { mutant: mutant('unseen'), tests: survived, seeds: killed },
    { mutant: mutant('unwalked'), tests: killed, seeds: survived },
    { mutant: mutant('wrong', 'none'), tests: error, seeds: undefined },
  ];
  const summary = summarize(verdicts);
  expect(summary).toEqual({
    killed: 1,
    survivors: ['unseen'],
    seedSurvivors: ['unwalked'],
    errors: ['wrong'],
  });
  expect(summaryLines(summary, 4)).toContain('survived tests   1: unseen');
  expect(verdictLine(verdicts[2]!)).toBe('unwalked: killed by b after 1.0 s; walks: SURVIVED (1.0 s)');
  const rows = report(verdicts, 'abc').split('\n');
  expect(rows).toContain('| good | good is \\| wrong | b after 1.0 s | walks: b after 1.0 s |');
  expect(rows).toContain('| wrong | wrong is \\| wrong | ERROR: p |  |');
});
