/** The virtual cluster: what it tells depends on the run alone, and commands do what they say. */
import { LabEvent, Sight } from '../../web/shared/events';
import { foldFromStart } from '../../web/shared/fold';
import { Action, Command, DEFAULT_RUN, Run } from '../../web/shared/run';
import { VirtualCluster } from '../../web/engine/virtual-cluster';

const FAULTS: readonly Command[] = [
  { what: 'kill', broker: 1, atMs: 3000 },
  { what: 'produce', producer: 'p1', partition: 0, key: 'k', value: 'v', count: 2, atMs: 3000 },
  { what: 'cut-link', from: 'broker-2', to: 'broker-3', isOneWay: false, atMs: 12000 },
  { what: 'start', broker: 1, atMs: 13000 },
  { what: 'heal-all', atMs: 16000 },
];
const RUN: Run = { ...DEFAULT_RUN, actions: FAULTS };

async function told(run: Run, untilMs: number): Promise<{ events: LabEvent[]; cluster: VirtualCluster }> {
  const cluster = new VirtualCluster(run);
  await cluster.advance(untilMs);
  return { events: cluster.drain(), cluster };
}

async function ready(run: Run = DEFAULT_RUN): Promise<VirtualCluster> {
  const cluster = new VirtualCluster(run);
  expect(await cluster.advance(60000, () => cluster.isReady)).toBe(true);
  return cluster;
}

const of = <W extends Sight['what']>(events: readonly LabEvent[], what: W) =>
  events.filter((event) => event.what === what) as unknown as Extract<Sight, { what: W }>[];
const refusals = (events: readonly LabEvent[]) =>
  events.filter(({ what }) => what === 'refused').map((event) => (event as { why?: unknown }).why);

test('the same run tells the same events, however it is divided into steps', async () => {
  const whole = await told(RUN, 20000);
  const stepwise = new VirtualCluster(RUN);
  const events: LabEvent[] = [];
  for (let i = 1; stepwise.nowMs < 20000; i++) {
    const { happenings } = stepwise;
    const { sent } = stepwise.messages;
    const isDone = [() => false, () => stepwise.happenings > happenings, () => stepwise.messages.sent > sent][
      i % 3
    ];
    await stepwise.advance(Math.min(20000, stepwise.nowMs + ((i * 37) % 101)), isDone);
    if (i % 5 === 0) events.push(...stepwise.drain());
  }
  // What else is due at that moment.
  await stepwise.advance(20000);
  events.push(...stepwise.drain());
  expect(JSON.stringify(events)).toBe(JSON.stringify(whole.events));
  expect(stepwise.traceHash).toBe(whole.cluster.traceHash);
});

test('a run that was made by commands is the run that its link gives', async () => {
  const cluster = await ready();
  const events = cluster.drain();
  for (const { atMs, ...action } of FAULTS) {
    const { happenings } = cluster;
    await cluster.advance(atMs - 700);
    await cluster.advance(atMs, () => cluster.happenings > happenings);
    await cluster.command(action as Action);
  }
  await cluster.advance(20000);
  events.push(...cluster.drain());
  const again = await told(cluster.run, 20000);
  expect(JSON.stringify(events)).toBe(JSON.stringify(again.events));
});

test('the scene is set: replicas in sync, a producer acknowledged, a consumer that reads', async () => {
  const cluster = await ready();
  const state = foldFromStart(cluster.drain());
  expect(state.isReady).toBe(true);
  expect(Object.values(state.brokers).map(({ status }) => status)).toEqual(['up', 'up', 'up']);
  expect(Object.values(state.brokers).filter(({ isController }) => isController)).toHaveLength(1);
  expect(state.replicas['1/t-0']).toMatchObject({ role: 'leader', isr: [1, 2, 3] });
  expect(state.znodes['/controller']?.owner).not.toBeNull();
  expect(state.producers.p1!.acked).toBeGreaterThan(0);
  expect(state.consumers.c1).toMatchObject({ group: 'g1', assigned: [0] });
  expect(state.groups.g1).toMatchObject({ state: 'Stable', generation: 1 });
  expect(Object.values(state.checks).every(({ isGood }) => isGood)).toBe(true);
});

test('a killed leader is replaced from the ISR, and no acknowledged record is lost', async () => {
  const { events } = await told(
    { ...DEFAULT_RUN, actions: [{ what: 'kill', broker: 1, atMs: 3000 }] },
    15000,
  );
  const state = foldFromStart(events);
  expect(state.brokers[1]?.status).toBe('dead');
  expect(events.some(({ what }) => what === 'leader-elected')).toBe(true);
  expect(state.replicas['2/t-0']).toMatchObject({ role: 'leader', isr: [2, 3] });
  expect(state.verdict).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
  expect(state.verdict!.acked).toBeGreaterThan(10);
});

test('with acks=1 a leader that dies alone with a record loses it, and the verdict says so', async () => {
  const cut = (to: string): Command => ({
    what: 'cut-link',
    from: 'broker-1',
    to,
    isOneWay: false,
    atMs: 4000,
  });
  const actions: Command[] = [
    { what: 'stop-producer', producer: 'p1', atMs: 3000 },
    {
      what: 'start-producer',
      producer: 'p2',
      topic: 't',
      acks: '1',
      isIdempotent: false,
      everyMs: 100,
      bytes: 0,
      settings: {},
      atMs: 3000,
    },
    cut('broker-2'),
    cut('broker-3'),
    { what: 'kill', broker: 1, atMs: 5000 },
    { what: 'heal-all', atMs: 5100 },
  ];
  const state = foldFromStart((await told({ ...DEFAULT_RUN, actions }, 16000)).events);
  expect(state.verdict!.lost).toBeGreaterThan(3);
  expect(state.checks['acked-kept']?.isGood).toBe(true);
});

test('an impossible action is refused in words and changes nothing else', async () => {
  const cluster = await ready();
  cluster.drain();
  const actions: Action[] = [
    { what: 'start', broker: 1 },
    { what: 'kill', broker: 9 },
    { what: 'resume', broker: 2 },
    { what: 'heal-link', from: 'broker-1', to: 'broker-2', isOneWay: false },
    { what: 'cut-link', from: 'broker-1', to: 'broker-7', isOneWay: true },
    { what: 'produce', producer: 'nobody', partition: null, key: null, value: null, count: 1 },
    { what: 'create-topic', topic: 't', assignment: [[1]], settings: {} },
    { what: 'set-broker', broker: 1, name: 'replica.lag.time.max.ms', value: 'soon' },
  ];
  for (const action of actions) await cluster.command(action);
  const why = refusals(cluster.drain());
  expect(why).toHaveLength(actions.length);
  expect(why.slice(0, 2)).toEqual(['Broker 1 is running already.', 'There is no broker 9.']);
  expect(cluster.run.actions).toHaveLength(actions.length);
});

test('commands are seen: a cut link, a pause, an expired session, a new topic, a setting', async () => {
  const cluster = await ready();
  const events = cluster.drain();
  const command = async (action: Action, ms: number) => {
    await cluster.command(action);
    await cluster.advance(cluster.nowMs + ms);
    events.push(...cluster.drain());
    return foldFromStart(events);
  };
  expect(
    (await command({ what: 'cut-link', from: 'broker-1', to: 'zookeeper', isOneWay: true }, 10)).cuts,
  ).toHaveProperty('broker-1>zookeeper');
  expect((await command({ what: 'heal-all' }, 10)).cuts).toEqual({});
  expect((await command({ what: 'pause', broker: 2 }, 10)).brokers[2]?.status).toBe('paused');
  expect((await command({ what: 'resume', broker: 2 }, 10)).brokers[2]?.status).toBe('up');
  await command({ what: 'expire-session', broker: 3 }, 3000);
  expect(of(events, 'session').some(({ state, host }) => state === 'ended' && host === 'broker-3')).toBe(
    true,
  );
  const made = await command(
    {
      what: 'create-topic',
      topic: 'u',
      assignment: [
        [2, 3],
        [3, 2],
      ],
      settings: {},
    },
    3000,
  );
  expect(made.replicas['2/u-0']?.role).toBe('leader');
  const set = await command({ what: 'set-topic', topic: 'u', name: 'min.insync.replicas', value: '2' }, 2000);
  expect(set.znodes['/config/topics/u']?.data).toContain('"min.insync.replicas":"2"');
  expect((await command({ what: 'terminate', broker: 3 }, 5000)).brokers[3]?.status).toBe('dead');
  expect(refusals(events)).toEqual([]);
});

test('a message is told with its way, and taken apart by its schema down to the records', async () => {
  const cluster = await ready();
  const events = cluster.drain();
  const messages = of(events, 'message');
  const produce = messages.find(({ name, isResponse }) => name === 'Produce' && !isResponse)!;
  expect(produce).toMatchObject({ kind: 'produce', to: 'broker-1' });
  expect(produce.arrivesMs!).toBeGreaterThan(produce.sentMs);
  const answer = messages.find(({ name, isResponse }) => name === 'Produce' && isResponse)!;
  expect(answer).toMatchObject({ from: 'broker-1', to: produce.from, correlationId: produce.correlationId });
  const text = JSON.stringify(cluster.details(produce.id));
  for (const part of ['"acks"', 'baseOffset', 'p1-0']) expect(text).toContain(part);
  const names = messages.filter(({ kind }) => kind === 'zookeeper').map(({ name }) => name);
  expect(names.some((name) => /^multi .*\/controller\b/.test(name))).toBe(true);
  expect(names.some((name) => name.startsWith('watch: '))).toBe(true);
  expect(messages.filter(({ name }) => name === 'unknown')).toEqual([]);
  expect(messages.some(({ kind, name }) => kind === 'control' && name === 'LeaderAndIsr')).toBe(true);
});
