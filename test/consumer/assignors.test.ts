/** The assignors: Kafka's own outcomes, and what must hold of every assignment. */
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { assignorsOf } from '../../src/consumer/assignors/all-assignors';
import { MemberSubscription, PartitionAssignor } from '../../src/consumer/assignors/partition-assignor';
import { rangeAssignor } from '../../src/consumer/assignors/range-assignor';
import { roundRobinAssignor } from '../../src/consumer/assignors/round-robin-assignor';
import {
  cooperativeStickyAssignor,
  encodeStickyUserData,
  stickyAssignor,
} from '../../src/consumer/assignors/sticky-assignor';
import { Prng } from '../../src/simulation/prng';

const COUNTS = new Map([
  ['t0', 5],
  ['t1', 3],
]);
const member = (
  memberId: string,
  topics: readonly string[] = ['t0', 't1'],
  owned: readonly TopicPartition[] = [],
  userData: Buffer | null = null,
  groupInstanceId: string | null = null,
): MemberSubscription => ({ memberId, groupInstanceId, topics, userData, ownedPartitions: owned });
const show = (assignment: ReadonlyMap<string, readonly TopicPartition[]>) =>
  Object.fromEntries([...assignment].map(([id, tps]) => [id, tps.map(tpName).join()]));
const parse = (text: string): TopicPartition[] =>
  text === ''
    ? []
    : text.split(',').map((name) => ({
        topic: name.slice(0, name.lastIndexOf('-')),
        partition: Number(name.slice(name.lastIndexOf('-') + 1)),
      }));

test('range and round robin deal as Kafka does', () => {
  const three = ['c1', 'c2', 'c3'].map((id) => member(id));
  expect(show(rangeAssignor().assign(COUNTS, three))).toEqual({
    c1: 't0-0,t0-1,t1-0',
    c2: 't0-2,t0-3,t1-1',
    c3: 't0-4,t1-2',
  });
  expect(show(roundRobinAssignor().assign(COUNTS, three))).toEqual({
    c1: 't0-0,t0-3,t1-1',
    c2: 't0-1,t0-4,t1-2',
    c3: 't0-2,t1-0',
  });
});

test('sticky deals as Kafka does, and keeps what members had when one leaves', () => {
  const first = stickyAssignor().assign(
    COUNTS,
    ['c1', 'c2', 'c3'].map((id) => member(id)),
  );
  expect(show(first)).toEqual({ c1: 't0-0,t0-3,t1-1', c2: 't0-1,t0-4,t1-2', c3: 't0-2,t1-0' });
  const left = ['c1', 'c3'].map((id) =>
    member(id, undefined, [], encodeStickyUserData({ partitions: first.get(id)!, generation: 1 })),
  );
  expect(show(stickyAssignor().assign(COUNTS, left))).toEqual({
    c1: 't0-0,t0-3,t1-1,t0-1',
    c3: 't0-2,t1-0,t0-4,t1-2',
  });
});

test('cooperative-sticky withholds what somebody else still holds, and hands it out in the next round', () => {
  const assignor = cooperativeStickyAssignor();
  const one = (generation: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(generation);
    return bytes;
  };
  const first = assignor.assign(COUNTS, [member('c1'), member('c2')]);
  expect(show(first)).toEqual({ c1: 't0-0,t0-2,t0-4,t1-1', c2: 't0-1,t0-3,t1-0,t1-2' });
  const second = assignor.assign(COUNTS, [
    member('c1', undefined, first.get('c1'), one(1)),
    member('c2', undefined, first.get('c2'), one(1)),
    member('c3', undefined, [], one(-1)),
  ]);
  expect(show(second)).toEqual({ c1: 't0-0,t0-2,t0-4', c2: 't0-1,t0-3,t1-0', c3: '' });
  const third = assignor.assign(COUNTS, [
    member('c1', undefined, second.get('c1'), one(2)),
    member('c2', undefined, second.get('c2'), one(2)),
    member('c3', undefined, [], one(2)),
  ]);
  expect(show(third)).toEqual({ c1: 't0-0,t0-2,t0-4', c2: 't0-1,t0-3,t1-0', c3: 't1-1,t1-2' });
});

test("user data of sticky are Kafka's bytes; foreign ones cost the stickiness and nothing else", () => {
  expect(encodeStickyUserData({ partitions: parse('t0-0,t0-3,t1-1'), generation: 1 }).toString('hex')).toBe(
    '000000020002743000000002000000000000000300027431000000010000000100000001',
  );
  const bad = [
    member('c1', undefined, [], Buffer.from('garbage')),
    member('c2', undefined, [], Buffer.alloc(0)),
  ];
  expect([...stickyAssignor().assign(COUNTS, bad).values()].map((tps) => tps.length)).toEqual([4, 4]);
});

test('a claim of an older generation is not believed, and of two claims to a partition one counts', () => {
  const claim = (text: string, generation: number) =>
    encodeStickyUserData({ partitions: parse(text), generation });
  const assignment = stickyAssignor().assign(new Map([['t0', 2]]), [
    member('a', ['t0'], [], claim('t0-0,t0-1', 1)),
    member('b', ['t0'], [], claim('t0-0', 2)),
  ]);
  expect(show(assignment)).toEqual({ a: 't0-1', b: 't0-0' });
});

test('static members are ordered by their instance id, so that a restart changes nothing', () => {
  const before = [member('x-1', ['t0'], [], null, 'a'), member('y-1', ['t0'], [], null, 'b')];
  const after = [member('z-9', ['t0'], [], null, 'a'), member('y-1', ['t0'], [], null, 'b')];
  const of = (members: MemberSubscription[], i: number) =>
    rangeAssignor()
      .assign(new Map([['t0', 4]]), members)
      .get(members[i]!.memberId)!
      .map(tpName);
  expect(of(after, 0)).toEqual(of(before, 0));
});

const ALL: readonly (() => PartitionAssignor)[] = [
  rangeAssignor,
  roundRobinAssignor,
  stickyAssignor,
  cooperativeStickyAssignor,
];

test.each(ALL.map((make) => [make().name, make] as const))(
  '%s: every partition of a subscribed topic has exactly one owner, who is subscribed to it',
  (_name, make) => {
    const random = new Prng(`assignor ${make().name}`);
    for (let run = 0; run < 300; run++) {
      const topics = Array.from({ length: random.between(1, 5) }, (_, i) => `t${i}`);
      const counts = new Map(topics.map((topic) => [topic, random.between(1, 9)]));
      const equal = random.chance(0.5);
      const members = Array.from({ length: random.between(1, 7) }, (_, i) =>
        member(`m${i}`, equal ? topics : topics.filter(() => random.chance(0.6))),
      );
      const assignment = make().assign(counts, members);
      const wanted = topics
        .filter((topic) => members.some((one) => one.topics.includes(topic)))
        .flatMap((topic) =>
          Array.from({ length: counts.get(topic)! }, (_, partition) => `${topic}-${partition}`),
        );
      expect([...assignment.values()].flat().map(tpName).sort()).toEqual(wanted.sort());
      for (const one of members)
        for (const tp of assignment.get(one.memberId) ?? []) expect(one.topics).toContain(tp.topic);
    }
  },
);

test.each([
  ['sticky', stickyAssignor],
  ['cooperative-sticky', cooperativeStickyAssignor],
] as const)('%s: shares are even, and what need not move does not', (_name, make) => {
  const random = new Prng('balance');
  for (let run = 0; run < 200; run++) {
    const counts = new Map([['t0', random.between(1, 30)]]);
    const ids = Array.from({ length: random.between(2, 6) }, (_, i) => `m${i}`);
    const first = make().assign(
      counts,
      ids.map((id) => member(id, ['t0'])),
    );
    const sizes = [...first.values()].map((tps) => tps.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    const gone = random.pick(ids);
    const generation = Buffer.alloc(4);
    const rest = ids
      .filter((id) => id !== gone)
      .map((id) =>
        make === stickyAssignor
          ? member(id, ['t0'], [], encodeStickyUserData({ partitions: first.get(id)!, generation: 0 }))
          : member(id, ['t0'], first.get(id), generation),
      );
    const second = make().assign(counts, rest);
    for (const { memberId } of rest)
      expect(second.get(memberId)!.map(tpName)).toEqual(
        expect.arrayContaining(first.get(memberId)!.map(tpName)),
      );
  }
});

test('different subscriptions: nobody could be relieved by one move', () => {
  const random = new Prng('different');
  for (let run = 0; run < 200; run++) {
    const topics = ['a', 'b', 'c', 'd'];
    const counts = new Map(topics.map((topic) => [topic, random.between(1, 8)]));
    const members = Array.from({ length: 4 }, (_, i) =>
      member(
        `m${i}`,
        topics.filter((topic) => topic === topics[i] || random.chance(0.4)),
      ),
    );
    const assignment = stickyAssignor().assign(counts, members);
    for (const one of members) {
      for (const tp of assignment.get(one.memberId)!) {
        const emptiest = Math.min(
          ...members
            .filter((other) => other.topics.includes(tp.topic))
            .map((other) => assignment.get(other.memberId)!.length),
        );
        expect(assignment.get(one.memberId)!.length - emptiest).toBeLessThanOrEqual(1);
      }
    }
  }
});

test("partition.assignment.strategy takes names, Kafka's class names and assignors, and refuses the rest", () => {
  expect(
    assignorsOf([
      'range',
      'org.apache.kafka.clients.consumer.StickyAssignor',
      { name: 'mine', protocol: 'eager', assign: () => new Map() },
    ]).map((one) => one.name),
  ).toEqual(['range', 'sticky', 'mine']);
  expect(() => assignorsOf(['nope'])).toThrow(
    'nope is none of range, roundrobin, sticky, cooperative-sticky',
  );
  expect(() => assignorsOf([])).toThrow('there is none');
  expect(() => assignorsOf(['range', 'range'])).toThrow('twice');
});
