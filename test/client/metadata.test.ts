/** What a client believes of metadata, and whom it asks: the pure parts. */
import { PartitionInfo, topicInfoOf } from '../../src/client/cluster-metadata';
import { LastSeenEpochs } from '../../src/client/last-seen-epochs';
import { nextNode, nodeToConnect } from '../../src/client/least-loaded-node';

const TOPIC = 't';
/** An answer of one of three brokers. */
const from = (broker: number) => ({ from: `b${broker}`, brokers: ['b1', 'b2', 'b3'] });
const tp = (partition: number) => ({ topic: TOPIC, partition });
const row = (partition: number, leader: number, leaderEpoch: number): PartitionInfo => ({
  partition,
  leader,
  leaderEpoch,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
});

describe('leader epochs', () => {
  test('an answer with an older epoch changes nothing of that partition, and is told to be stale', () => {
    const epochs = new LastSeenEpochs();
    const { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5), row(1, 1, 5)], from(1));
    const { info: after, isStale } = epochs.merge(info, TOPIC, [row(0, 2, 4), row(1, 3, 6)], from(1));
    expect(isStale).toBe(true);
    expect(after!.partitions.map(({ leader, leaderEpoch }) => [leader, leaderEpoch])).toEqual([
      [1, 5],
      [3, 6],
    ]);
  });

  test('a broker that does not know the topic, or one of its partitions, does not make the client forget it', () => {
    const epochs = new LastSeenEpochs();
    const { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5), row(1, 2, 5)], from(1));
    expect(epochs.merge(info, TOPIC, undefined, from(2))).toEqual({ info, isStale: true });
    expect(epochs.merge(info, TOPIC, [row(0, 1, 5)], from(1))).toEqual({ info, isStale: true });
  });

  test('while a newer epoch was seen than metadata has, the partition has no leader', () => {
    const epochs = new LastSeenEpochs();
    const { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5)], from(1));
    expect(epochs.leaderOf(tp(0), info)).toEqual({ leader: 1, epoch: 5 });
    expect(epochs.updateIfNewer(tp(0), 5)).toBe(false);
    expect(epochs.updateIfNewer(tp(0), 6)).toBe(true);
    expect(epochs.leaderOf(tp(0), info)).toEqual({ leader: -1, epoch: 6 });
    expect(epochs.leaderOf(tp(0), epochs.merge(info, TOPIC, [row(0, 2, 6)], from(1)).info)).toEqual({
      leader: 2,
      epoch: 6,
    });
  });

  test('the epoch of a committed offset is remembered of a partition that metadata does not have yet', () => {
    const epochs = new LastSeenEpochs();
    expect(epochs.updateIfNewer(tp(0), 2)).toBe(true);
    const { info, isStale } = epochs.merge(undefined, TOPIC, [row(0, 3, 0)], from(3));
    expect(isStale).toBe(true);
    expect(epochs.leaderOf(tp(0), info)).toEqual({ leader: -1, epoch: 2 });
    const newer = epochs.merge(info, TOPIC, [row(0, 1, 2)], from(1)).info;
    expect(epochs.leaderOf(tp(0), newer)).toEqual({ leader: 1, epoch: 2 });
  });

  test('a topic created anew is believed when every broker has told of it time and again, not before', () => {
    const epochs = new LastSeenEpochs();
    let { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5), row(1, 1, 5)], from(1));
    for (let i = 0; i < 8; i++) ({ info } = epochs.merge(info, TOPIC, [row(0, 2, 0)], from((i % 3) + 1)));
    expect(info!.partitions[0]!.leaderEpoch).toBe(5);
    expect(epochs.merge(info, TOPIC, [row(0, 2, 0)], from(3))).toEqual({
      info: topicInfoOf(TOPIC, [row(0, 2, 0)]),
      isStale: false,
    });
    expect(epochs.leaderOf(tp(0), topicInfoOf(TOPIC, [row(0, 2, 0)]))).toEqual({ leader: 2, epoch: 0 });
  });

  test('two brokers that are cut off from the controller do not outvote a third that is not heard', () => {
    const epochs = new LastSeenEpochs();
    let { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5)], from(1));
    for (let i = 0; i < 100; i++) ({ info } = epochs.merge(info, TOPIC, [row(0, 2, 4)], from((i % 2) + 2)));
    expect(info!.partitions[0]!.leaderEpoch).toBe(5);
  });

  test('one up-to-date answer among old ones begins the count anew', () => {
    const epochs = new LastSeenEpochs();
    let { info } = epochs.merge(undefined, TOPIC, [row(0, 1, 5)], from(1));
    for (let i = 0; i < 40; i++)
      ({ info } = epochs.merge(info, TOPIC, [i % 8 === 7 ? row(0, 1, 5) : row(0, 2, 4)], from((i % 3) + 1)));
    expect(info!.partitions[0]!.leaderEpoch).toBe(5);
  });

  test('read partition by partition, older epochs are refused likewise', () => {
    const epochs = new LastSeenEpochs();
    expect(epochs.accept(tp(0), 5, 9)).toBe(true);
    for (let i = 0; i < 8; i++) expect(epochs.accept(tp(0), 2, 9)).toBe(false);
    expect(epochs.accept(tp(0), 2, 9)).toBe(true);
  });
});

test('a partition stands at the place of its number; gaps have no leader, and absurd numbers are left out', () => {
  const info = topicInfoOf(TOPIC, [row(3, 1, 0), row(1, 2, 0), row(2 ** 30, 1, 0), row(-1, 1, 0)]);
  expect(info.partitions.map(({ partition, leader }) => [partition, leader])).toEqual([
    [0, -1],
    [1, 2],
    [2, -1],
    [3, 1],
  ]);
});

describe('whom to ask', () => {
  const node = (isConnected: boolean, lastTurn: number, requestsInFlight = 0) => ({
    isConnected,
    lastTurn,
    requestsInFlight,
  });

  test('connected brokers in turn, one with requests in flight a round later', () => {
    expect(nextNode([node(true, 7), node(true, 5), node(false, 0)], 0)).toBe(1);
    expect(nextNode([node(true, 7), node(true, 5, 9), node(false, 0)], 0)).toBe(0);
    expect(nextNode([node(true, 9), node(true, 5, 9), node(false, 0)], 0)).toBe(1);
    expect(nextNode([node(true, 5, 3), node(true, 5, 1)], 0)).toBe(1);
    expect(nextNode([node(false, 3), node(false, 2)], 0)).toBe(1);
    expect(nextNode([], 0)).toBe(-1);
  });

  test('one that was asked less recently than every connected one is worth a connection', () => {
    expect(nodeToConnect([node(true, 7), node(false, 3), node(false, 2)], 1)).toBe(2);
    expect(nodeToConnect([node(true, 1), node(false, 3)], 0)).toBe(-1);
    expect(nodeToConnect([node(true, 1)], 0)).toBe(-1);
  });
});
