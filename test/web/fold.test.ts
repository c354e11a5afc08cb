/** From events to the state of the picture. */
import { LabEvent, Sight } from '../../web/shared/events';
import { fold, foldAll, foldFromStart } from '../../web/shared/fold';
import { EMPTY_STATE, MAX_HAPPENINGS, State } from '../../web/shared/state';

let seq = 0;
const at = (atMs: number, sight: Sight | { what: string; [field: string]: unknown }): LabEvent =>
  ({ seq: ++seq, atMs, who: 'simulation', ...sight }) as LabEvent;

const BROKER: Sight = {
  what: 'broker',
  broker: 1,
  host: 'broker-1',
  status: 'up',
  isController: true,
  controllerEpoch: 1,
  brokerEpoch: 5,
  problem: null,
};
const MESSAGE: Sight = {
  what: 'message',
  id: 9,
  from: 'client-1',
  to: 'broker-1',
  kind: 'produce',
  name: 'Produce',
  isResponse: false,
  correlationId: 4,
  bytes: 100,
  sentMs: 10,
  arrivesMs: 12,
};
const ZNODE: Sight = {
  what: 'znode',
  path: '/controller',
  change: 'created',
  data: '{}',
  version: 0,
  owner: '1',
};

function frozen(state: State): State {
  for (const one of Object.values(state)) if (typeof one === 'object' && one !== null) Object.freeze(one);
  return Object.freeze(state);
}

test('the state that goes in is not changed, and what is untouched stays the same object', () => {
  const before = frozen(foldFromStart([at(1, BROKER), at(1, ZNODE)]));
  const after = fold(before, at(2, { ...BROKER, status: 'dead', isController: false }));
  expect(before.brokers[1]?.status).toBe('up');
  expect(after.brokers[1]).toMatchObject({ status: 'dead', isController: false, seenMs: 2 });
  expect(after.znodes).toBe(before.znodes);
  expect(EMPTY_STATE.brokers).toEqual({});
});

test('many events at once give what they give one by one', () => {
  const events = [
    at(1, BROKER),
    at(10, MESSAGE),
    at(11, ZNODE),
    at(12, { what: 'leader-elected', leader: 2 }),
    at(20, { ...ZNODE, change: 'deleted', data: null }),
    at(21, { ...ZNODE, path: '/b' }),
    at(30, { what: 'acked', producer: 'p1', record: 'r1', topic: 't', partition: 0, offset: 0, sentMs: 20 }),
  ];
  const oneByOne = events.reduce(fold, EMPTY_STATE);
  expect(foldAll(EMPTY_STATE, events)).toEqual(oneByOne);
  expect(oneByOne.lastSeq).toBe(events.at(-1)!.seq);
});

test('a message is there while it travels, and as long as its link is cut', () => {
  let state = foldFromStart([at(10, MESSAGE), at(10, { ...MESSAGE, id: 10, arrivesMs: null } as Sight)]);
  expect(Object.keys(state.messages)).toEqual(['9', '10']);
  state = foldAll(state, [], 1000);
  expect(Object.keys(state.messages)).toEqual(['10']);
  expect(state.nowMs).toBe(1000);
});

test('a deleted znode is shown until the tree changes again', () => {
  const gone = foldFromStart([at(1, ZNODE), at(2, { ...ZNODE, change: 'deleted', data: null } as Sight)]);
  expect(gone.znodes['/controller']?.change).toBe('deleted');
  expect(fold(gone, at(3, { ...ZNODE, path: '/b' } as Sight)).znodes['/controller']).toBeUndefined();
});

test('a link is listed while it is cut, a session while it is open', () => {
  const link: Sight = { what: 'link', from: 'broker-1', to: 'broker-2', isCut: true };
  const session: Sight = {
    what: 'session',
    session: '1',
    host: 'broker-1',
    timeoutMs: 6000,
    expiresMs: null,
    state: 'open',
  };
  const state = foldFromStart([at(1, link), at(1, session)]);
  expect(Object.keys(state.cuts)).toEqual(['broker-1>broker-2']);
  const later = foldAll(state, [at(2, { ...link, isCut: false }), at(2, { ...session, state: 'ended' })]);
  expect([later.cuts, later.sessions]).toEqual([{}, {}]);
});

test('a broken check stays broken, with the event that broke it', () => {
  const broken = at(5, { what: 'check', check: 'acked-kept', isGood: false, why: 'r1 is lost' });
  const state = foldFromStart([
    at(1, { what: 'check', check: 'acked-kept', isGood: true, why: null }),
    broken,
    at(9, { what: 'check', check: 'acked-kept', isGood: true, why: null }),
  ]);
  expect(state.checks['acked-kept']).toMatchObject({
    isGood: false,
    why: 'r1 is lost',
    seenMs: 5,
    brokenBy: broken.seq,
  });
});

test('unknown events are happenings, and the oldest are dropped', () => {
  const state = foldFromStart(
    Array.from({ length: MAX_HAPPENINGS + 5 }, (_, i) => at(i, { what: 'from-tomorrow' })),
  );
  expect(state.happenings).toHaveLength(MAX_HAPPENINGS);
  expect(state.happenings[0]!.atMs).toBe(5);
});

test('acknowledgements and reads are counted by the time they came', () => {
  const acked = (atMs: number) =>
    at(atMs, {
      what: 'acked',
      producer: 'p',
      record: 'r',
      topic: 't',
      partition: 0,
      offset: 1,
      sentMs: atMs - 4,
    });
  const read = at(130, { what: 'read', consumer: 'c', topic: 't', partition: 0, from: 0, to: 4, count: 5 });
  expect(foldFromStart([acked(10), acked(90), acked(120), read]).rates).toEqual([
    { atMs: 0, acked: 2, latencySumMs: 8, read: 0 },
    { atMs: 100, acked: 1, latencySumMs: 4, read: 5 },
  ]);
});
