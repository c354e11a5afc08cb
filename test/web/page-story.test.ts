/** A death of the leader in the virtual cluster, as the lab's page tells and draws it. */
import { brokerViews, firstLeader } from '../../web/page/model/broker-view';
import { Chronicle, chronicleAfter, EMPTY_CHRONICLE } from '../../web/page/model/chronicle';
import { spansOf } from '../../web/page/model/incidents';
import { sessionViews } from '../../web/page/model/session-view';
import { bandsOf, lanesOf, marksOf, windowOf } from '../../web/page/model/timeline-view';
import { treeRows } from '../../web/page/model/tree-rows';
import { LabEvent } from '../../web/shared/events';
import { foldAll, foldFromStart } from '../../web/shared/fold';
import { DEFAULT_RUN, Run } from '../../web/shared/run';
import { EMPTY_STATE, State } from '../../web/shared/state';
import { VirtualCluster } from '../../web/engine/virtual-cluster';

async function eventsOf(run: Run, untilMs: number): Promise<LabEvent[]> {
  const cluster = new VirtualCluster(run);
  await cluster.advance(untilMs);
  return cluster.drain();
}

/** Broker 1 leads, broker 3 is the controller. */
const FIRST: Run = { ...DEFAULT_RUN, seed: '2' };
const KILLED: Run = { ...FIRST, actions: [{ what: 'kill', broker: 1, atMs: 4000 }] };
let events: LabEvent[];
let state: State;
let chronicle: Chronicle;
beforeAll(async () => {
  events = await eventsOf(KILLED, 16_000);
  state = foldFromStart(events);
  chronicle = chronicleAfter(EMPTY_CHRONICLE, events);
});

test('the lines tell the story in order: fault, end of the session, election, new leader', () => {
  const texts = chronicle.lines.map(({ text }) => text);
  const order = [
    'kill -9: broker 1 is dead',
    'ZooKeeper ends the session of broker 1',
    't-0: leader 1 → 2 in epoch 1, ISR 2 and 3',
    'Broker 2 leads t-0',
  ].map((text) => texts.findIndex((one) => one.startsWith(text)));
  expect(order.every((at) => at >= 0)).toBe(true);
  expect([...order].sort((a, b) => a - b)).toEqual(order);
  expect(texts.some((text) => /undefined|null|NaN|\[object/.test(text))).toBe(false);
});

test('lines that were told in portions are those that are told at once', () => {
  let portions = EMPTY_CHRONICLE;
  for (let i = 0; i < events.length; i += 37) portions = chronicleAfter(portions, events.slice(i, i + 37));
  expect(portions).toEqual(chronicle);
});

test('the spans follow one another from the fault to the first acknowledgement after it', () => {
  const spans = spansOf(chronicle.incidents[0]!);
  expect(spans.map(({ name }) => name)).toEqual(['detect', 'elect', 'propagate', 'client recovers']);
  expect(spans[0]!.fromMs).toBe(4000);
  for (const [i, { fromMs, toMs }] of spans.entries()) {
    expect(toMs).not.toBeNull();
    expect(toMs!).toBeGreaterThanOrEqual(fromMs);
    if (i > 0) expect(fromMs).toBe(spans[i - 1]!.toMs);
  }
  expect(spans[0]!.toMs! - spans[0]!.fromMs).toBeGreaterThan(1000);
});

test('the death of the controller is detected by its successor, and what it led is led again', async () => {
  const first = foldFromStart(await eventsOf(FIRST, 4000));
  const controller = Object.values(first.brokers).find(({ isController }) => isController)!.broker;
  const told = await eventsOf(
    {
      ...FIRST,
      actions: [
        { what: 'kill', broker: 1, atMs: 4000 },
        { what: 'kill', broker: controller === 1 ? 2 : controller, atMs: 12_000 },
      ],
    },
    26_000,
  );
  const { incidents } = chronicleAfter(EMPTY_CHRONICLE, told);
  expect(incidents).toHaveLength(2);
  for (const { detectedMs, atMs } of incidents) expect(detectedMs!).toBeGreaterThan(atMs);
});

test('the picture shows who is dead, who leads, and two epochs in the bar of the new leader', () => {
  const views = brokerViews(state);
  expect(views.map(({ status }) => status)).toEqual(['dead', 'up', 'up']);
  expect(firstLeader(views)?.id).toBe(2);
  const row = views[1]!.rows.find(({ name }) => name === 't-0')!;
  expect(row).toMatchObject({ isLeader: true, isInSync: true });
  expect(new Set(row.stretches.map(({ epoch }) => epoch))).toEqual(new Set([0, 1]));
  expect(views[0]!.rows[0]).toMatchObject({ isLeader: false, isInSync: false, note: 'on its disk' });
  expect(views.flatMap(({ rows }) => rows).every(({ topic }) => !topic.startsWith('__'))).toBe(true);
});

test('a session that is not heard runs down', () => {
  const silent = foldAll(
    EMPTY_STATE,
    events.filter(({ atMs }) => atMs < 5500),
    5500,
  );
  const one = sessionViews(silent, 5500).find(({ label }) => label === '1')!;
  const later = sessionViews(silent, 6500).find(({ label }) => label === '1')!;
  expect(one.isSilent).toBe(true);
  expect(one.share).toBeLessThan(1);
  expect(later.share).toBeLessThan(one.share);
  expect(sessionViews(state, 16_000).map(({ label }) => label)).toEqual(['2', '3']);
});

test('every told event of a host stands in its lane, and the bands say how long each span took', () => {
  const lanes = lanesOf(state);
  expect(lanes.map(({ label }) => label)).toEqual([
    'ZooKeeper',
    'broker 1',
    'broker 2',
    'broker 3',
    'p1',
    'c1',
  ]);
  const marks = marksOf(chronicle, lanes, windowOf(16_000, 0));
  expect(marks.find(({ text }) => text.startsWith('kill -9'))).toMatchObject({
    lane: 1,
    atMs: 4000,
    tone: 'fault',
  });
  expect(bandsOf(chronicle, 16_000).map(({ label }) => label.replace(/[\d.]+ m?s/, 'n'))).toEqual([
    'detect n',
    'elect n',
    'propagate n',
    'client recovers n',
  ]);
  expect(bandsOf(chronicle, 3000)).toEqual([]);
});

test('the tree names the leader that ZooKeeper knows', () => {
  const row = treeRows(state, false).find(({ path }) => path === '/brokers/topics/t/partitions/0/state')!;
  expect(row.summary).toBe('leader 2 · epoch 1 · ISR 2,3');
  expect(treeRows(state, false).find(({ path }) => path === '/brokers/ids/2')?.ownerHost).toBe('broker-2');
});

test('a cut and a mended link are told, and a broker without ZooKeeper is an incident', async () => {
  const link = { from: 'broker-3', to: 'zookeeper', isOneWay: false } as const;
  const actions = [
    { what: 'cut-link', ...link, atMs: 2000 },
    { what: 'heal-all', atMs: 3000 },
  ] as const;
  const { lines, incidents } = chronicleAfter(EMPTY_CHRONICLE, await eventsOf({ ...FIRST, actions }, 3500));
  const cut = lines.find(({ text }) => text === 'The link broker 3 – ZooKeeper is cut');
  expect(cut).toMatchObject({ tone: 'fault', lane: 'broker-3', sinceMs: 2000 });
  expect(lines.some(({ text }) => text === 'All links are whole again')).toBe(true);
  expect(incidents.map(({ broker, fault }) => [broker, fault])).toEqual([[3, 'cut from ZooKeeper']]);
});

test('a cut link is told with the name of its client, as it stands in the picture', async () => {
  const host = Object.values(state.producers)[0]!.host;
  const cut = { what: 'cut-link', from: 'broker-1', to: host, isOneWay: true, atMs: 4000 } as const;
  const { lines } = chronicleAfter(EMPTY_CHRONICLE, await eventsOf({ ...FIRST, actions: [cut] }, 4100));
  expect(lines.map(({ text }) => text)).toContain('The link broker 1 → p1 is cut in this direction');
});
