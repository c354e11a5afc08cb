/** Forms come to actions that the worker accepts, or say what is wrong; keys walk through all there is. */
import { checkAction, checkRun } from '../../web/shared/check-run';
import { foldFromStart } from '../../web/shared/fold';
import { DEFAULT_RUN } from '../../web/shared/run';
import { State } from '../../web/shared/state';
import { VirtualCluster } from '../../web/engine/virtual-cluster';
import { nextSelection } from '../../web/page/model/cycles';
import { Form, FORMS, outcomeOf, Values } from '../../web/page/model/forms';
import { lagOfConsumer, lagOfGroup } from '../../web/page/model/lag';
import { isSame, Selection } from '../../web/page/model/selection';
import { whoIs } from '../../web/page/model/who';

let cluster: VirtualCluster;
let state: State;

beforeAll(async () => {
  cluster = new VirtualCluster(DEFAULT_RUN);
  await cluster.advance(60_000, () => cluster.isReady);
  state = foldFromStart(cluster.drain());
});

const named = (id: string): Form => FORMS.find((one) => one.id === id)!;
const first = (form: Form): Values =>
  Object.fromEntries(form.fields(state, DEFAULT_RUN).map(({ name, value }) => [name, value]));
const filled = (id: string, values: Values = {}) =>
  outcomeOf(named(id), { ...first(named(id)), ...values }, state, DEFAULT_RUN);

test('each form, left as it is, comes to something that the worker accepts', () => {
  for (const form of FORMS) {
    const outcome = filled(form.id);
    expect([form.id, 'problem' in outcome]).toEqual([form.id, false]);
    if ('actions' in outcome) outcome.actions.forEach(checkAction);
    else if ('run' in outcome) checkRun(outcome.run);
  }
});

test('what is asked for with forms happens: a topic with replicas, a producer with keys, a reader', async () => {
  const asked = [
    filled('topic', { topic: 'u', assignment: '2,1; 3, 2' }),
    filled('producer', { topic: 'u', keys: '2', everyMs: '20' }),
    filled('consumer', { topic: 'u', group: '' }),
    filled('topic-setting', { topic: 'u', name: 'min.insync.replicas', value: '1' }),
  ];
  const events = [];
  for (const outcome of asked) {
    if (!('actions' in outcome)) throw new Error(JSON.stringify(outcome));
    for (const action of outcome.actions) await cluster.command(action);
    await cluster.advance(cluster.nowMs + 2000);
    events.push(...cluster.drain());
  }
  expect(events.filter(({ what }) => what === 'refused' || what === 'command-failed')).toEqual([]);
  const acked = events.filter(
    (event) => event.what === 'acked' && (event as { producer?: unknown }).producer === 'p2',
  );
  expect(acked.length).toBeGreaterThan(20);
  const after = foldFromStart(events);
  expect(
    Object.values(after.replicas).filter(({ topic, role }) => topic === 'u' && role === 'leader'),
  ).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ broker: 2, partition: 0 }),
      expect.objectContaining({ broker: 3, partition: 1 }),
    ]),
  );
  expect(after.consumers.c2).toMatchObject({ assigned: [0, 1], group: null });
  expect(lagOfConsumer(after, 'c2').map(({ partition, consumer }) => [partition, consumer])).toEqual([
    [0, 'c2'],
    [1, 'c2'],
  ]);
});

test.each([
  ['topic', { assignment: '1,x' }, '“x” is no broker'],
  ['topic', { replicas: '5' }, 'There are 3 brokers for 5 replicas'],
  ['topic', { settings: 'min.insync.replicas' }, 'write name=value'],
  ['producer', { everyMs: '0' }, 'everyMs must be a whole number from 1'],
  ['records', { partition: 'first' }, 'partition must be a whole number'],
  ['run', { brokers: '12' }, 'brokers must be a whole number from 1 to 9'],
])('a form of %s with %j says what is wrong', (id, values, why) => {
  const outcome = filled(id, values as unknown as Values);
  expect('problem' in outcome && outcome.problem).toContain(why);
});

test('the teaching switches are set for all brokers, or in a run from its beginning', () => {
  const outcome = filled('switch', { name: 'lab.freeze.on.isr.conflict' });
  expect('actions' in outcome && outcome.actions.map((one) => 'broker' in one && one.broker)).toEqual([
    1, 2, 3,
  ]);
  const run = filled('run', { 'lab.truncate.to.high.watermark': 'true', 'brokers': '5' });
  expect('run' in run && run.run).toMatchObject({
    brokers: 5,
    settings: { 'lab.truncate.to.high.watermark': 'true' },
  });
});

test('keys walk through every link, client and replica, and come round', () => {
  for (const [key, count] of [
    ['l', 3 + 3 + 6],
    ['c', 2],
    ['j', 3],
  ] as const) {
    const seen: Selection[] = [];
    let chosen: Selection | null = null;
    for (let i = 0; i <= count; i++) seen.push((chosen = nextSelection(key, state, chosen, 1)!));
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(count);
    expect(isSame(seen[count]!, seen[0]!)).toBe(true);
    expect(nextSelection(key, state, seen[0]!, -1)).toEqual(seen[count - 1]);
  }
  const onTwo = nextSelection('j', state, { kind: 'broker', broker: 2 }, 1);
  expect(onTwo).toEqual({ kind: 'replica', broker: 2, topic: 't', partition: 0 });
});

test('a host is named by what runs on it', () => {
  const names = Object.values(state.sessions).map(({ host }) => whoIs(state, host));
  expect(names).toEqual(expect.arrayContaining(['broker 1', 'producer p1', 'consumer c1']));
  expect(whoIs(state, 'client-1')).toBe('administrator 1');
});

test('the lag of a group counts from positions, and from commits where nobody reads', () => {
  const [row] = lagOfGroup(state, 'g1');
  expect(row).toMatchObject({ topic: 't', partition: 0, consumer: 'c1' });
  expect(row!.lag).toBe(row!.end - row!.position!);
  const left = {
    ...state,
    consumers: {},
    groups: { g1: { ...state.groups.g1!, committed: [['t', 0, 0] as const] } },
  };
  expect(lagOfGroup(left, 'g1')).toEqual([
    { topic: 't', partition: 0, consumer: null, position: null, committed: 0, end: row!.end, lag: row!.end },
  ]);
});
