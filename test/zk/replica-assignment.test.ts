/** Replica assignment: Kafka's own values, and the invariants of every draw. */
import { assignReplicas, checkManualAssignment, rackAlternated } from '../../src/zk/replica-assignment';
import { Prng } from '../../src/simulation/prng';

const plain = (...ids: number[]) => ids.map((id) => ({ id, rack: null }));
const racked = (racks: Record<string, number[]>) =>
  Object.entries(racks).flatMap(([rack, ids]) => ids.map((id) => ({ id, rack })));
const show = (map: Map<number, readonly number[]>) =>
  [...map.values()].map((replicas) => replicas.join()).join(' ');

test('without racks, as Kafka assigns', () => {
  expect(show(assignReplicas(plain(0, 1, 2, 3, 4), 10, 3, { startIndex: 0, shift: 0 }))).toBe(
    '0,1,2 1,2,3 2,3,4 3,4,0 4,0,1 0,2,3 1,3,4 2,4,0 3,0,1 4,1,2',
  );
  expect(show(assignReplicas(plain(101, 102, 103, 104, 105), 6, 3, { startIndex: 3, shift: 1 }))).toBe(
    '104,101,102 105,102,103 101,103,104 102,104,105 103,105,101 104,102,103',
  );
});

test('with racks, as Kafka assigns', () => {
  const three = racked({ rack1: [0, 5], rack2: [3, 4], rack3: [1, 2] });
  expect(rackAlternated(three)).toEqual([0, 3, 1, 5, 4, 2]);
  expect(show(assignReplicas(three, 8, 3, { startIndex: 0, shift: 0 }))).toBe(
    '0,3,1 3,1,5 1,5,4 5,4,2 4,2,0 2,0,3 0,4,2 3,2,0',
  );
  expect(show(assignReplicas(racked({ a: [0, 1, 2], b: [3] }), 6, 2, { startIndex: 1, shift: 1 }))).toBe(
    '3,0 1,3 2,3 0,3 3,2 1,3',
  );
  expect(show(assignReplicas(racked({ a: [0, 1], b: [2, 3] }), 5, 3, { startIndex: 0, shift: 0 }))).toBe(
    '0,2,1 2,1,3 1,3,0 3,0,2 0,3,2',
  );
});

test('whatever is drawn: no broker twice, leaders spread evenly, every rack used while it can be', () => {
  const random = new Prng('assignment');
  for (let run = 0; run < 300; run++) {
    const n = random.between(1, 9);
    const racks = random.chance(0.5) ? random.between(1, n) : 0;
    const brokers = Array.from({ length: n }, (_, id) => ({ id, rack: racks > 0 ? `r${id % racks}` : null }));
    const rf = random.between(1, n);
    const assignment = assignReplicas(brokers, n * 3, rf, {
      startIndex: random.below(n),
      shift: random.below(n),
    });
    const leaders = new Map<number, number>();
    for (const replicas of assignment.values()) {
      expect(new Set(replicas).size).toBe(rf);
      leaders.set(replicas[0]!, (leaders.get(replicas[0]!) ?? 0) + 1);
      if (racks > 0) expect(new Set(replicas.map((id) => id % racks)).size).toBe(Math.min(rf, racks));
    }
    expect([...leaders.values()].every((count) => count === 3)).toBe(true);
  }
});

test("what cannot be assigned is refused by Kafka's name", () => {
  const name = (work: () => unknown) => {
    try {
      work();
      return 'accepted';
    } catch (error) {
      return (error as { errorName: string }).errorName;
    }
  };
  const start = { startIndex: 0, shift: 0 };
  expect(name(() => assignReplicas(plain(1, 2), 1, 3, start))).toBe('INVALID_REPLICATION_FACTOR');
  expect(name(() => assignReplicas(plain(1, 2), 1, 0, start))).toBe('INVALID_REPLICATION_FACTOR');
  expect(name(() => assignReplicas(plain(1, 2), 0, 1, start))).toBe('INVALID_PARTITIONS');
  for (const bad of [
    [],
    [
      [0, [1]],
      [2, [1]],
    ],
    [[0, [1, 1]]],
    [
      [0, [1]],
      [1, [1, 2]],
    ],
    [[0, []]],
    [[0, [9]]],
    [[0, [-1]]],
  ] as [number, number[]][][]) {
    expect(name(() => checkManualAssignment(new Map(bad), [1, 2]))).toBe('INVALID_REPLICA_ASSIGNMENT');
  }
});
