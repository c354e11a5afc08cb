/** Links to runs: what goes in comes out, and what is not a link is refused in words. */
import { checkAction, checkRun, RunError } from '../../web/shared/check-run';
import { decodeLink, encodeLink } from '../../web/shared/link';
import { Command, DEFAULT_RUN, Run, withAction } from '../../web/shared/run';

const ACTIONS: readonly Command[] = [
  { what: 'kill', broker: 1, atMs: 1000.25 },
  { what: 'cut-link', from: 'broker-1', to: 'zookeeper', isOneWay: true, atMs: 2000 },
  { what: 'produce', producer: 'p1', partition: null, key: 'ключ', value: null, count: 3, atMs: 2000 },
  {
    what: 'create-topic',
    topic: 'u',
    assignment: [
      [1, 2],
      [2, 3],
    ],
    settings: { 'min.insync.replicas': '2' },
    atMs: 3000,
  },
];
const RUN: Run = { ...DEFAULT_RUN, seed: 'ünïcode ✓', lesson: 'truncation', actions: ACTIONS };

function messageOf(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    if (error instanceof RunError) return error.message;
    throw error;
  }
  return 'no error';
}

/** A link with a right checksum around anything. */
const forged = (value: unknown): string => encodeLink(value as Run);

test('a link holds the whole run', () => {
  expect(decodeLink(`#${encodeLink(RUN)}`)).toEqual(RUN);
  expect(encodeLink(RUN)).toMatch(/^[A-Za-z0-9._-]+$/);
});

test('a link from before there were exercises is of none', () => {
  const { exercise: _exercise, ...old } = RUN;
  expect(decodeLink(forged(old))).toEqual({ ...RUN, exercise: null });
});

test('a link that was cut off anywhere is refused as cut or altered', () => {
  const link = encodeLink(RUN);
  for (let length = 0; length < link.length; length++) {
    expect(messageOf(() => decodeLink(link.slice(0, length)))).toMatch(/cut off|altered|not a link|version/);
  }
  expect(messageOf(() => decodeLink(link.slice(0, -3)))).toBe('The link is cut off: its end is missing.');
});

test('a link with any one character changed is refused', () => {
  const link = encodeLink(RUN);
  for (let i = 0; i < link.length; i++) {
    const changed = link.slice(0, i) + (link[i] === 'x' ? 'y' : 'x') + link.slice(i + 1);
    expect(messageOf(() => decodeLink(changed))).not.toBe('no error');
  }
});

test('a link of another version says so', () => {
  const link = encodeLink(RUN).replace(/^v1/, 'v2');
  expect(messageOf(() => decodeLink(link))).toBe('The link is of version 2; this page knows version 1.');
  expect(messageOf(() => decodeLink(forged({ ...RUN, version: 7 })))).toContain('of version 7');
});

test('a forged link is refused with what is wrong in it', () => {
  const why = (run: unknown) => messageOf(() => decodeLink(forged(run)));
  expect(why(null)).toContain('it must be an object');
  expect(why([])).toContain('it must be an object');
  expect(why({ ...RUN, brokers: 1000 })).toContain('brokers must be a whole number from 1 to 9');
  expect(why({ ...RUN, seed: 7 })).toContain('seed must be a text');
  expect(why({ ...RUN, seed: 'x'.repeat(250) })).toContain('seed must be a text');
  expect(why({ ...RUN, constructor: 'x' })).toContain('constructor is not known');
  expect(why({ ...RUN, settings: { a: 1 } })).toContain('settings.a must be a text');
  expect(why({ ...RUN, actions: [{ what: 'toString', atMs: 1 }] })).toContain('no known action');
  expect(why({ ...RUN, actions: [{ what: 'kill', broker: 1.5, atMs: 1 }] })).toContain('actions[0].broker');
  expect(why({ ...RUN, actions: [{ what: 'kill', broker: 1, atMs: -1 }] })).toContain('actions[0].atMs');
  expect(why({ ...RUN, actions: [...ACTIONS].reverse() })).toContain('in the order of their times');
  expect(why({ ...RUN, actions: Array(3000).fill(ACTIONS[0]) })).toContain('a list of 0 to 2000');
  expect(why({ ...RUN, actions: [{ ...ACTIONS[3], topic: '../x' }] })).toContain('a legal topic name');
  expect(messageOf(() => decodeLink('v1.%%%%.00000000'))).not.toBe('no error');
});

test('an action is checked on its own as well', () => {
  expect(() => checkAction({ what: 'kill', broker: 2 })).not.toThrow();
  expect(() => checkAction({ what: 'kill', broker: 12 })).toThrow(RunError);
  expect(() => checkAction('kill')).toThrow(RunError);
});

test('an action in the past drops what was to come', () => {
  const run = withAction(RUN, { what: 'heal-all' }, 2000);
  expect(run.actions.map(({ what }) => what)).toEqual(['kill', 'cut-link', 'produce', 'heal-all']);
  expect(checkRun(run)).toBe(run);
});
