/**
 * What the lab's page decides without a browser: where things stand, how bars and times are divided, what
 * texts say.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { axisOf, shareOf, shortNumber, stretchesOf } from '../../web/page/model/bars';
import { faultsOf } from '../../web/page/model/faults';
import { declarationIn, inlines, parseGlossary, parseLesson } from '../../web/page/model/lesson-text';
import { travellers } from '../../web/page/model/messages-view';
import { ORIGINS } from '../../web/page/model/origins';
import { layOut, pointAt, wayBetween } from '../../web/page/model/places';
import { nextSpeed, speedAt, SPEEDS, stepOfSpeed } from '../../web/page/model/speeds';
import { labelStarts, shareOfTime, ticksOf, timeAt, windowOf } from '../../web/page/model/timeline-view';
import { treeRows } from '../../web/page/model/tree-rows';
import { listed, moment, seconds, since } from '../../web/page/model/words';
import { LESSONS } from '../../web/page/lessons/all-lessons';
import { EMPTY_STATE, State } from '../../web/shared/state';

const ROOT = path.join(__dirname, '../../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const CUTS = { 'client-1>broker-1': {} } as unknown as State['cuts'];
const HOSTS = {
  brokers: ['broker-1', 'broker-2', 'broker-3'],
  producers: ['client-1'],
  consumers: ['client-2'],
};

describe('bars', () => {
  const replica = {
    logStart: 0,
    highWatermark: 14,
    logEnd: 18,
    leaderEpoch: 2,
    epochs: [
      [0, 0],
      [2, 10],
    ] as [number, number][],
  };

  test('a bar is divided by leader epoch, and where it is no longer committed', () => {
    expect(stretchesOf(replica, axisOf([replica]))).toEqual([
      { from: 0, to: 10, epoch: 0, isCommitted: true },
      { from: 10, to: 14, epoch: 2, isCommitted: true },
      { from: 14, to: 18, epoch: 2, isCommitted: false },
    ]);
  });

  test('a long log shows its end, and a follower without the last epoch has none of it', () => {
    const long = {
      ...replica,
      logEnd: 1004,
      highWatermark: 1004,
      epochs: [
        [0, 0],
        [3, 1000],
      ] as [number, number][],
    };
    const axis = axisOf([long, replica]);
    expect(axis).toEqual({ from: 970, to: 1010 });
    expect(stretchesOf(long, axis).map(({ from, to, epoch }) => [from, to, epoch])).toEqual([
      [970, 1000, 0],
      [1000, 1004, 3],
    ]);
    expect(stretchesOf(replica, axis)).toEqual([]);
    expect(shareOf(axis, 990)).toBe(0.5);
  });

  test('the axis stands still while a few records are added', () => {
    const at = (logEnd: number) => axisOf([{ ...replica, logEnd }]);
    expect(at(51)).toEqual(at(58));
    expect(at(58)).not.toEqual(at(61));
  });

  test('numbers stay short', () => {
    expect([0, 9999, 12040, 123456, 12_000_000].map(shortNumber)).toEqual([
      '0',
      '9999',
      '12.0 k',
      '123 k',
      '12.0 M',
    ]);
  });
});

describe('places', () => {
  test.each([
    [720, 470, 1],
    [720, 470, 3],
    [560, 470, 5],
    [1100, 700, 9],
  ])('everything has room on a picture of %d by %d with %d brokers', (width, height, count) => {
    const brokers = Array.from({ length: count }, (_, i) => `broker-${i + 1}`);
    const { boxes } = layOut(width, height, { ...HOSTS, brokers });
    const all = [...boxes.values()];
    expect(all).toHaveLength(count + 3);
    for (const box of all) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
    }
    const isApart = (a: (typeof all)[0], b: (typeof all)[0]) =>
      a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
    for (const [i, a] of all.entries()) for (const b of all.slice(i + 1)) expect(isApart(a, b)).toBe(true);
  });

  test('a message leaves one host and arrives at the other, and there is a way between any two', () => {
    const places = layOut(720, 470, HOSTS);
    const hosts = [...places.boxes.keys()];
    for (const from of hosts) {
      for (const to of hosts.filter(
        (one) => one !== from && !(one.startsWith('client') && from.startsWith('client')),
      )) {
        const way = wayBetween(places, from, to, false)!;
        const isAt = (host: string, { x, y }: { x: number; y: number }) => {
          const box = places.boxes.get(host)!;
          return (
            x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y - 1 && y <= box.y + box.height + 1
          );
        };
        expect([from, to, isAt(from, pointAt(way, 0)), isAt(to, pointAt(way, 1))]).toEqual([
          from,
          to,
          true,
          true,
        ]);
      }
    }
    expect(wayBetween(places, 'broker-1', 'broker-9', false)).toBeUndefined();
  });

  test('what the controller says runs above the brokers, records run below', () => {
    const places = layOut(720, 470, HOSTS);
    const broker = places.boxes.get('broker-1')!;
    expect(pointAt(wayBetween(places, 'broker-1', 'broker-2', true)!, 0.5).y).toBeLessThan(broker.y);
    expect(pointAt(wayBetween(places, 'broker-1', 'broker-2', false)!, 0.5).y).toBeGreaterThan(
      broker.y + broker.height,
    );
  });

  test('a message is where its time is; at a cut link it waits before the cut', () => {
    const places = layOut(720, 470, HOSTS);
    const message = {
      id: 1,
      from: 'client-1',
      to: 'broker-1',
      kind: 'produce',
      name: 'Produce',
      isResponse: false,
      correlationId: 1,
      bytes: 90,
      sentMs: 100,
      arrivesMs: 102,
      seenMs: 100,
    } as const;
    const at = (nowMs: number, one: State['messages'][number] = message) =>
      travellers({ 1: one }, CUTS, places, nowMs)[0]!;
    expect(at(101).at.y).toBeLessThan(at(100.1).at.y);
    expect(travellers({ 1: message }, CUTS, places, 99)).toEqual([]);
    const waiting = { ...message, arrivesMs: null };
    expect(at(500, waiting)).toMatchObject({ isWaiting: true, at: at(5000, waiting).at });
  });
});

describe('time', () => {
  test('a point of the timeline and its time are each other’s inverse', () => {
    const window = windowOf(12_345, 40_000);
    expect(window.toMs).toBeGreaterThan(40_000);
    for (const share of [0, 0.25, 1]) expect(shareOfTime(window, timeAt(window, share))).toBeCloseTo(share);
  });

  test('there are a dozen ticks at most, at whole seconds', () => {
    for (const nowMs of [0, 14_000, 61_000, 500_000]) {
      const ticks = ticksOf(windowOf(nowMs, 0));
      expect(ticks.length).toBeLessThan(15);
      expect(ticks.every((one) => one % 1000 === 0)).toBe(true);
    }
  });

  test('labels stand side by side and end before the end', () => {
    expect(
      labelStarts(
        [
          { at: 0, width: 50 },
          { at: 10, width: 50 },
        ],
        300,
      ),
    ).toEqual([0, 50]);
    expect(
      labelStarts(
        [
          { at: 200, width: 60 },
          { at: 290, width: 60 },
        ],
        300,
      ),
    ).toEqual([180, 240]);
  });

  test('speeds go step by step and end at their ends', () => {
    expect(speedAt(stepOfSpeed(1 / 50))).toBe(1 / 50);
    expect(nextSpeed('auto', 1 / 50, 1)).toBe(1 / 20);
    expect(nextSpeed(100, 100, 1)).toBe(100);
    expect(nextSpeed(SPEEDS[0]!, 0, -1)).toBe(SPEEDS[0]);
  });

  test('times and lists read as one says them', () => {
    expect([0, 999, 6012, 61_000, 125_000].map(seconds)).toEqual([
      '0 ms',
      '999 ms',
      '6.01 s',
      '61.0 s',
      '2 min 5 s',
    ]);
    expect([0, 3.2, 700, 6200].map(since)).toEqual(['+0', '+3.2 ms', '+700 ms', '+6.20 s']);
    expect(moment(12_480)).toBe('12.480 s');
    expect([[], [1], [1, 2], [1, 2, 3]].map(listed)).toEqual(['nobody', '1', '1 and 2', '1, 2 and 3']);
  });
});

describe('ZooKeeper’s tree', () => {
  const znode = (at: string, data: string | null, more: Partial<State['znodes'][string]> = {}) =>
    ({
      path: at,
      change: 'created',
      data,
      version: 0,
      owner: null,
      seenMs: 0,
      ...more,
    }) as State['znodes'][string];
  const list = [
    znode('/brokers', ''),
    znode('/brokers/ids', ''),
    znode('/brokers/ids/10', '{"host":"broker-10","port":9092}', { owner: 's1' }),
    znode('/brokers/ids/2', '{"host":"broker-2","port":9092}', { change: 'deleted', data: null }),
    znode('/admin', ''),
    znode('/brokers/topics', ''),
    znode('/brokers/topics/t', '{"partitions":{"0":[1,2]}}'),
    znode('/brokers/topics/t/partitions', ''),
    znode('/brokers/topics/t/partitions/0', ''),
    znode('/brokers/topics/t/partitions/0/state', '{"leader":1,"leader_epoch":3,"isr":[1,2]}', {
      change: 'changed',
      seenMs: 9000,
    }),
    znode('/controller', '{"brokerid":2}'),
  ];
  const znodes = Object.fromEntries(list.map((one) => [one.path, one]));
  const sessions = { s1: { session: 's1', host: 'broker-10' } } as unknown as State['sessions'];

  test('parents come first, numbers are numbers, chains are one row, what is seldom read is left out', () => {
    const rows = treeRows({ znodes, sessions, nowMs: 10_000 }, false);
    expect(rows.map(({ depth, label }) => `${depth} ${label}`)).toEqual([
      '0 /controller',
      '0 /brokers',
      '1 ids',
      '2 2',
      '2 10',
      '1 topics/t',
      '2 partitions/0/state',
    ]);
    expect(treeRows({ znodes, sessions, nowMs: 10_000 }, true).map(({ path: one }) => one)).toContain(
      '/admin',
    );
  });

  test('a znode is said in few words, who holds it is named, and only what is new is marked', () => {
    const rows = new Map(treeRows({ znodes, sessions, nowMs: 10_000 }, false).map((row) => [row.path, row]));
    expect(rows.get('/controller')).toMatchObject({ summary: 'broker 2', mark: null });
    expect(rows.get('/brokers/ids/10')).toMatchObject({
      summary: 'broker-10:9092',
      ownerHost: 'broker-10',
    });
    expect(rows.get('/brokers/ids/2')?.mark).toBe('deleted');
    expect(rows.get('/brokers/topics/t/partitions/0/state')).toMatchObject({
      summary: 'leader 1 · epoch 3 · ISR 1,2',
      mark: 'changed',
    });
  });
});

test('a fault is offered where it is possible, and each key means one thing', () => {
  const brokers = { 1: { status: 'paused' }, 2: { status: 'dead' } } as unknown as State['brokers'];
  const state = { ...EMPTY_STATE, brokers };
  const possible = (broker: number) =>
    faultsOf(state, broker)
      .filter(({ impossible }) => impossible === null)
      .map(({ id }) => id);
  expect(possible(1)).toEqual(['kill', 'resume', 'cut-zookeeper', 'power-cut', 'fill-disk', 'fail-disk']);
  expect(possible(2)).toEqual(['cut-zookeeper', 'power-cut', 'fill-disk', 'fail-disk', 'start']);
  const keys = faultsOf(state, 1).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  const cuts = { 'broker-1>zookeeper': {} } as unknown as State['cuts'];
  expect(faultsOf({ ...state, cuts }, 1).map(({ id }) => id)).toContain('heal-zookeeper');
});

describe('texts', () => {
  test('code, terms and links of a paragraph are told apart', () => {
    expect(
      inlines('a `b` [ISR](../glossary.md#isr) and [f](../fencing.md).').map(({ kind, text }) => [
        kind,
        text,
      ]),
    ).toEqual([
      ['text', 'a '],
      ['code', 'b'],
      ['text', ' '],
      ['term', 'ISR'],
      ['text', ' and '],
      ['link', 'f'],
      ['text', '.'],
    ]);
  });

  test.each(LESSONS.map(({ name }) => name))(
    'the lesson %s is read from its page, with a question and lines that exist',
    (name) => {
      const lesson = parseLesson(read(`docs/lessons/${name}.md`));
      expect(lesson.name).toBe(name);
      expect(lesson.question.length).toBeGreaterThan(0);
      expect(lesson.sections.map(({ heading }) => heading)).toContain('What happens');
      expect(lesson.places.length).toBeGreaterThan(1);
      for (const place of lesson.places) {
        const lines = declarationIn(read(place.file), place);
        expect(lines?.text).toContain(place.symbol);
        expect(lines!.text.split('\n').length).toBeGreaterThan(2);
      }
    },
  );

  test('each event that is told names lines that exist and a term that is explained', () => {
    const glossary = parseGlossary(read('docs/glossary.md'));
    for (const [what, { source, term }] of Object.entries(ORIGINS)) {
      const [file, symbol] = source.split('#') as [string, string];
      expect([what, declarationIn(read(file), { file, symbol }) !== undefined]).toEqual([what, true]);
      if (term !== null) expect([what, term in glossary]).toEqual([what, true]);
    }
  });

  test('a declaration is found whole, with the comment above it', () => {
    const body = ['export function f(a: number) {', '  if (a) {', '    g();', '  }', '  return a;', '}'];
    const source = ['const x = 1;', '', '/** Does it. */', ...body, '', 'f(2);', ''].join('\n');
    const found = declarationIn(source, { file: 'src/f.ts', symbol: 'f' });
    expect(found).toMatchObject({ line: 4 });
    expect(found!.text.split('\n')).toHaveLength(7);
    expect(found!.text.startsWith('/** Does it. */')).toBe(true);
  });
});
