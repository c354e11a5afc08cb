/** A message on its way is lost, delayed or repeated, and a link is slow: as TCP would have it. */
import { LabEvent, MessageSight, Sight } from '../../web/shared/events';
import { foldFromStart } from '../../web/shared/fold';
import { Action, DEFAULT_RUN, Run } from '../../web/shared/run';
import { VirtualCluster } from '../../web/engine/virtual-cluster';

const PLAIN: Action = {
  what: 'start-producer',
  producer: 'p2',
  topic: 't',
  acks: 'all',
  isIdempotent: false,
  everyMs: 500,
  bytes: 0,
  settings: { retries: '10' },
};

class Story {
  readonly events: LabEvent[] = [];

  private constructor(readonly cluster: VirtualCluster) {}

  static async begin(...actions: readonly Action[]): Promise<Story> {
    const run: Run = { ...DEFAULT_RUN, actions: [] };
    const story = new Story(new VirtualCluster(run));
    await story.cluster.advance(60_000, () => story.cluster.isReady);
    for (const action of actions) await story.command(action);
    return story;
  }

  of<W extends Sight['what']>(what: W) {
    const found = this.events.filter((event) => event.what === what);
    return found as unknown as (LabEvent & Extract<Sight, { what: W }>)[];
  }

  happened(what: string): LabEvent[] {
    return this.events.filter((event) => event.what === what);
  }

  async advance(ms: number, isDone?: () => boolean): Promise<void> {
    await this.cluster.advance(this.cluster.nowMs + ms, isDone);
    this.events.push(...this.cluster.drain());
  }

  async command(action: Action): Promise<void> {
    await this.cluster.command(action);
    this.events.push(...this.cluster.drain());
  }

  /** Goes on until such a message is on its way. */
  async until(matches: (message: MessageSight) => boolean): Promise<MessageSight> {
    for (let i = 0; i < 5000; i++) {
      const { sent } = this.cluster.messages;
      await this.advance(10_000, () => this.cluster.messages.sent > sent);
      const last = this.of('message').at(-1)!;
      if (matches(last) && last.arrivesMs! > this.cluster.nowMs) return last;
    }
    throw new Error('no such message');
  }

  get state() {
    return foldFromStart(this.events);
  }
}

const isProduce = (isResponse: boolean) => (message: MessageSight) =>
  message.name === 'Produce' && message.isResponse === isResponse;
const stop: Action = { what: 'stop-producer', producer: 'p1' };

test('a delayed request is acknowledged late, and everything behind it is late as well', async () => {
  const story = await Story.begin();
  const { id, arrivesMs } = await story.until(isProduce(false));
  await story.command({ what: 'delay-message', message: id, delayMs: 300 });
  const again = story.of('message').filter((one) => one.id === id);
  expect(again.at(-1)!.arrivesMs).toBeCloseTo(arrivesMs! + 300, 6);
  await story.advance(2000);
  const late = story.of('acked').filter(({ atMs, sentMs }) => atMs - sentMs >= 300);
  expect(late.length).toBeGreaterThan(0);
  expect(story.state.verdict).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
});

test('a lost request breaks its connection, and the producer sends it again', async () => {
  const story = await Story.begin();
  const { id } = await story.until(isProduce(false));
  const before = story.state.producers.p1!;
  expect(before.inFlight).toMatchObject([{ partition: 0, records: 1, attempts: 1 }]);
  await story.command({ what: 'drop-message', message: id });
  expect(story.state.messages[id]).toBeUndefined();
  await story.advance(3000);
  expect(story.happened('message-dropped')).toHaveLength(1);
  expect(story.state.producers.p1!).toMatchObject({ retries: 1 });
  expect(story.state.producers.p1!.acked).toBeGreaterThan(before.acked);
  expect(story.state.verdict).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
});

test.each([
  ['with idempotence the broker knows it again', [], 'p1', 0],
  ['without, it is in the log twice', [stop, PLAIN], 'p2', 1],
] as const)(
  'a record whose acknowledgement is lost is sent again: %s',
  async (_, before, producer, times) => {
    const story = await Story.begin(...before);
    const { id } = await story.until(isProduce(true));
    await story.command({ what: 'drop-message', message: id });
    await story.advance(4000);
    expect(story.happened('duplicate-batch')).toHaveLength(1 - times);
    expect(story.state.verdict).toMatchObject({ lost: 0, duplicated: times });
    expect(story.state.producers[producer]).toMatchObject({ retries: 1, unknown: 0 });
  },
);

test('a request that the network repeats is appended twice, unless its producer is idempotent', async () => {
  for (const [before, times] of [
    [[], 0],
    [[stop, PLAIN], 1],
  ] as const) {
    const story = await Story.begin(...before);
    const { id } = await story.until(isProduce(false));
    await story.command({ what: 'duplicate-message', message: id });
    await story.advance(4000);
    expect(story.happened('refused')).toEqual([]);
    expect(story.happened('duplicate-batch')).toHaveLength(1 - times);
    expect(story.state.verdict).toMatchObject({ lost: 0, duplicated: times });
    expect(story.of('message').filter(({ name }) => name === 'unknown')).toEqual([]);
  }
});

test('a lost request to ZooKeeper breaks the connection of the session, which goes on', async () => {
  const story = await Story.begin({ what: 'kill', broker: 1 });
  const { id, from } = await story.until(
    ({ kind, name, from }) => kind === 'zookeeper' && name.includes('multi') && from !== 'zookeeper',
  );
  await story.command({ what: 'drop-message', message: id });
  await story.advance(10_000);
  expect(from).toMatch(/^broker-/);
  const ended = story.of('session').filter(({ state, host }) => state === 'ended' && host === from);
  expect(ended).toEqual([]);
  expect(story.state.replicas['2/t-0']).toMatchObject({ role: 'leader' });
  expect(Object.values(story.state.checks).filter(({ isGood }) => !isGood)).toEqual([]);
});

test('what ZooKeeper is told late it does late', async () => {
  const story = await Story.begin({ what: 'expire-session', broker: 2 });
  const isRegistration = ({ from, name }: MessageSight) =>
    from === 'broker-2' && name.includes('/brokers/ids/2') && !/^(get|exists|children)/.test(name);
  const { id, arrivesMs } = await story.until(isRegistration);
  await story.command({ what: 'delay-message', message: id, delayMs: 700 });
  await story.advance(3000);
  const made = story
    .of('znode')
    .filter(({ path, change }) => path === '/brokers/ids/2' && change === 'created');
  expect(made.at(-1)!.atMs).toBeGreaterThanOrEqual(arrivesMs! + 700);
});

test('a slow link delays what is sent over it, until it is fast again', async () => {
  const story = await Story.begin();
  await story.advance(0);
  const host = story.state.producers.p1!.host;
  const slow = { what: 'slow-link', from: host, to: 'broker-1', isOneWay: false } as const;
  await story.command({ ...slow, delayMs: 250 });
  const from = story.cluster.nowMs;
  expect(Object.keys(story.state.slow)).toHaveLength(2);
  await story.advance(3000);
  const after = story.of('acked').filter(({ sentMs }) => sentMs > from);
  expect(after.length).toBeGreaterThan(2);
  for (const { atMs, sentMs } of after) expect(atMs - sentMs).toBeGreaterThan(500);
  await story.command({ ...slow, delayMs: 0 });
  await story.advance(2000);
  const last = story.of('acked').at(-1)!;
  expect(last.atMs - last.sentMs).toBeLessThan(100);
  expect(story.state.slow).toEqual({});
});

test('what has arrived, waits or never was cannot be stopped, and the refusal says so', async () => {
  const story = await Story.begin();
  const { id } = await story.until(isProduce(false));
  await story.advance(1000);
  await story.command({ what: 'drop-message', message: id });
  await story.command({ what: 'delay-message', message: 10_000_000, delayMs: 5 });
  await story.command({ what: 'cut-link', from: 'broker-1', to: 'broker-2', isOneWay: false });
  await story.advance(2000);
  const waiting = Object.values(story.state.messages).find(({ arrivesMs }) => arrivesMs === null)!;
  await story.command({ what: 'delay-message', message: waiting.id, delayMs: 5 });
  const why = story.happened('refused').map((event) => String((event as { why?: unknown }).why));
  expect(why).toEqual([
    `Message ${id} has arrived.`,
    'There is no message 10000000, or it was long ago.',
    `Message ${waiting.id} waits at a cut link.`,
  ]);
  await story.command({ what: 'drop-message', message: waiting.id });
  expect(story.state.messages[waiting.id]).toBeUndefined();
});

test('a run with faults of messages is the run that its link gives', async () => {
  const story = await Story.begin();
  const { id } = await story.until(isProduce(false));
  await story.command({ what: 'delay-message', message: id, delayMs: 40 });
  const answer = await story.until(isProduce(true));
  await story.command({ what: 'drop-message', message: answer.id });
  await story.advance(5000);
  const again = new VirtualCluster(story.cluster.run);
  await again.advance(story.cluster.nowMs);
  const told = JSON.stringify(again.drain());
  expect(told.endsWith(JSON.stringify(story.events).slice(1))).toBe(true);
  expect(again.traceHash).toBe(story.cluster.traceHash);
});
