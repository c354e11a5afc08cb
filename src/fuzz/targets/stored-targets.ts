/**
 * Targets for files on disk (checkpoints, producer snapshots), the records of groups, and the data that
 * consumers send each other.
 */
import { KafkaError } from '../../common/errors';
import {
  CommittedOffset,
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  GroupKey,
  StoredGroup,
} from '../../broker/group/group-records';
import {
  Assignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  Subscription,
} from '../../protocol/consumer-protocol';
import { EpochEntry, LeaderEpochCheckpoint, OffsetCheckpoint } from '../../log/checkpoint-file';
import { decodeSnapshot, encodeSnapshot, ProducerEntry } from '../../log/producer-state';
import { crc32c } from '../../record/crc32c';
import { SimDisk } from '../../simulation/sim-disk';
import { FuzzTarget } from '../fuzz-target';

/** The documented refusal is a plain Error that explains; a TypeError or a SyntaxError is a defect. */
const isExplained = (error: unknown) => error instanceof Error && error.constructor === Error;
const isSerialization = (error: unknown) =>
  error instanceof KafkaError && error.errorName === 'SERIALIZATION';

function diskWith(path: string, bytes: Buffer): SimDisk {
  const disk = new SimDisk(() => 0);
  disk.makeDirectory('/d');
  disk.replace(path, bytes.toString('utf8'), { durable: false });
  return disk;
}

const OFFSETS = '/d/offsets';
const EPOCHS = '/d/leader-epoch-checkpoint';

const offsetCheckpoint: FuzzTarget = {
  name: 'offset-checkpoint',
  seeds: () =>
    ['', '0\n0\n', '0\n2\nt 0 5\ntopic-b 12 9007199254740991\n', '0\n1\nt 3 -1\n'].map((text) =>
      Buffer.from(text),
    ),
  decode: (input) => new OffsetCheckpoint(diskWith(OFFSETS, input), OFFSETS).read(),
  isRefusal: isExplained,
  encode: (offsets: Map<string, number>) => {
    const disk = diskWith(OFFSETS, Buffer.alloc(0));
    const entries = [...offsets].map(([name, offset]) => {
      const [, topic = '', partition = ''] = /^([^]*)-(-?\d+)$/.exec(name) ?? [];
      return { topic, partition: Number(partition), offset };
    });
    // Partition -1 of t is written as `t--1`, which parses as a partition of topic `t-`. Partitions are never
    // negative.
    if (entries.some(({ topic }) => topic.endsWith('-'))) return undefined;
    new OffsetCheckpoint(disk, OFFSETS).write(entries);
    return Buffer.from(disk.readText(OFFSETS));
  },
};

const epochCheckpoint: FuzzTarget = {
  name: 'epoch-checkpoint',
  seeds: () => ['', '0\n0\n', '0\n2\n0 0\n5 1000\n'].map((text) => Buffer.from(text)),
  decode: (input) => new LeaderEpochCheckpoint(diskWith(EPOCHS, input), '/d').read(),
  isRefusal: isExplained,
  encode: (entries: readonly EpochEntry[]) => {
    const disk = diskWith(EPOCHS, Buffer.alloc(0));
    new LeaderEpochCheckpoint(disk, '/d').write(entries);
    return Buffer.from(disk.readText(EPOCHS));
  },
};

function withCrc(bytes: Buffer): Buffer {
  if (bytes.length < 10) return bytes;
  const whole = Buffer.from(bytes);
  whole.writeInt16BE(1, 0);
  whole.writeInt32BE(Math.floor((whole.length - 10) / 46), 6);
  whole.writeUInt32BE(crc32c(whole.subarray(6)), 2);
  return whole;
}

const producer = (producerId: number): ProducerEntry => ({
  producerId,
  producerEpoch: 3,
  lastTimestamp: 1_600_000_000_000,
  coordinatorEpoch: -1,
  currentTxnFirstOffset: -1,
  batches: [
    { firstSequence: 5, lastSequence: 9, lastOffset: 100, offsetDelta: 4, timestamp: 1_600_000_000_000 },
  ],
});

const snapshot: FuzzTarget = {
  name: 'producer-snapshot',
  seeds: () => [[], [producer(1)], [producer(1), { ...producer(2 ** 40), batches: [] }]].map(encodeSnapshot),
  decode: decodeSnapshot,
  isRefusal: isExplained,
  encode: (entries: readonly ProducerEntry[]) => encodeSnapshot(entries),
  repair: withCrc,
};

/**
 * Refused with an Error that explains, or with a RangeError of the reader (Kafka: an exception of Java's
 * buffers).
 */
const isUnreadable = (error: unknown) => isExplained(error) || error instanceof RangeError;
const tp = { topic: 'topic', partition: 7 };
const member = {
  memberId: 'm-1',
  groupInstanceId: null,
  clientId: 'c',
  clientHost: '/127.0.0.1',
  rebalanceTimeoutMs: 60_000,
  sessionTimeoutMs: 10_000,
  subscription: encodeSubscription({ topics: ['topic'], userData: null, ownedPartitions: [] }),
  assignment: Buffer.alloc(0),
};
const group: StoredGroup = {
  protocolType: 'consumer',
  generation: 4,
  protocol: 'range',
  leader: 'm-1',
  currentStateTimestamp: 1_600_000_000_000,
  members: [member, { ...member, memberId: 'm-2', groupInstanceId: 'i' }],
};
const commit: CommittedOffset = {
  offset: 42,
  leaderEpoch: 3,
  metadata: 'note',
  commitTimestamp: 1_600_000_000_000,
  expireTimestamp: -1,
};

const groupKey: FuzzTarget = {
  name: 'group-key',
  seeds: () => [encodeGroupKey('group'), encodeOffsetKey('group', tp)],
  decode: decodeKey,
  isRefusal: isUnreadable,
  encode: (key: GroupKey) => {
    if (key.kind === 'unknown') return undefined;
    return key.kind === 'group' ? encodeGroupKey(key.group) : encodeOffsetKey(key.group, key.tp);
  },
};

const offsetValue: FuzzTarget = {
  name: 'offset-value',
  seeds: () => [
    encodeOffsetValue(commit),
    encodeOffsetValue({ ...commit, leaderEpoch: -1, expireTimestamp: 1_600_000_000_001 }),
  ],
  decode: (input) => {
    const value = decodeOffsetValue(input);
    // Every negative time means that there is none.
    return { ...value, expireTimestamp: Math.max(-1, value.expireTimestamp) };
  },
  isRefusal: isUnreadable,
  encode: encodeOffsetValue as (value: never) => Buffer,
};

const groupValue: FuzzTarget = {
  name: 'group-value',
  seeds: () => [
    encodeGroupValue(group),
    encodeGroupValue({ ...group, members: [], protocol: null, leader: null }),
  ],
  decode: decodeGroupValue,
  isRefusal: isUnreadable,
  encode: encodeGroupValue as (value: never) => Buffer,
};

const sortKey = ({ topic, partition }: { topic: string; partition: number }) => `${topic}\0${partition}`;

/** The order of topics and partitions does not matter. */
function sorted<T extends { topic: string; partition: number }>(partitions: readonly T[]): T[] {
  return [...partitions].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const subscription: FuzzTarget = {
  name: 'subscription',
  seeds: () => [
    encodeSubscription({ topics: ['a', 'b'], userData: Buffer.from('u'), ownedPartitions: [tp] }),
    member.subscription,
  ],
  decode: (input) => {
    const { topics, userData, ownedPartitions } = decodeSubscription(input);
    return { topics: [...topics].sort(), userData, ownedPartitions: sorted(ownedPartitions) };
  },
  isRefusal: isSerialization,
  encode: (value: Subscription) => encodeSubscription(value),
};

const assignment: FuzzTarget = {
  name: 'assignment',
  seeds: () => [
    Buffer.alloc(0),
    encodeAssignment({ partitions: [tp, { topic: 'a', partition: 0 }], userData: null }),
  ],
  decode: (input) => {
    const { partitions, userData } = decodeAssignment(input);
    return { partitions: sorted(partitions), userData };
  },
  isRefusal: isSerialization,
  encode: (value: Assignment) => encodeAssignment(value),
};

export const storedTargets: readonly FuzzTarget[] = [
  offsetCheckpoint,
  epochCheckpoint,
  snapshot,
  groupKey,
  offsetValue,
  groupValue,
  subscription,
  assignment,
];
