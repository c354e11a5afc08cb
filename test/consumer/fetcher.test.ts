/**
 * Which answers of brokers count, and where the consumer goes on: each answer comes when the test says so.
 */
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { LogTruncationError } from '../../src/consumer/log-truncation';
import { batch, fetched, LoneFetcher } from '../support/lone-fetcher';

/** Reads from offset 0; the first fetch is under way. */
function fetching(config: Record<string, unknown> = {}): LoneFetcher {
  const one = new LoneFetcher(config);
  one.state.seek(one.tp, 0);
  one.poll();
  return one;
}

test('a partition that brought records is asked for last, so that busy ones do not starve the others', async () => {
  const one = new LoneFetcher();
  const tps = [
    ['a', 0],
    ['a', 1],
    ['b', 0],
    ['a', 2],
  ].map(([topic, partition]) => ({ topic, partition }) as never);
  one.state.assign(tps);
  for (const tp of tps) one.state.seek(tp, 0);
  const none = Buffer.alloc(0);
  one.poll();
  expect(one.question('Fetch').order).toEqual(['a-0', 'a-1', 'b-0', 'a-2']);
  await one
    .question('Fetch')
    .answer(fetched({ 'a-0': batch(0, 2, 5), 'a-1': none, 'b-0': none, 'a-2': none }));
  expect(one.poll()).toEqual(['0', '1']);
  expect(one.question('Fetch').order).toEqual(['a-1', 'b-0', 'a-2', 'a-0']);
  await one
    .question('Fetch')
    .answer(fetched({ 'a-1': batch(0, 1, 5), 'b-0': batch(0, 1, 5), 'a-2': none, 'a-0': none }));
  expect(one.poll()).toEqual(['0', '0']);
  expect(one.question('Fetch').order).toEqual(['a-2', 'a-0', 'a-1', 'b-0']);
});

const failure = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return (error as { errorName: string }).errorName;
  }
};

describe('seeks', () => {
  test('the last wish wins: the end, though the beginning was asked for before and is answered after', async () => {
    const one = new LoneFetcher();
    one.state.requestReset(one.tp, 'earliest');
    one.poll();
    const first = one.question('ListOffsets');
    one.state.requestReset(one.tp, 'latest');
    one.poll();
    const second = one.question('ListOffsets');
    expect([first.row.timestamp, second.row.timestamp]).toEqual([-2, -1]);
    await first.answer({ offset: 0 });
    expect(one.position).toBeUndefined();
    await second.answer({ offset: 50 });
    expect(one.position).toBe(50);
  });

  test('an answer to an earlier wish for the same end does not count: the log has grown since', async () => {
    const one = new LoneFetcher();
    one.state.requestReset(one.tp, 'latest');
    one.poll();
    const early = one.question();
    one.state.seek(one.tp, 3);
    one.state.requestReset(one.tp, 'latest');
    one.poll();
    const late = one.question();
    expect(late).not.toBe(early);
    await early.answer({ offset: 10 });
    await late.answer({ offset: 20 });
    expect(one.position).toBe(20);
  });

  test('records of a fetch that began before a seek are not returned', async () => {
    const one = fetching();
    const early = one.question('Fetch');
    one.state.seek(one.tp, 7);
    one.fetcher.forget(one.state.find(one.tp)!);
    await early.answer({ records: batch(0, 10, 5) });
    expect(one.poll()).toEqual([]);
    expect(one.question('Fetch').row.fetchOffset).toBe(7);
    await one.question('Fetch').answer({ records: batch(0, 10, 5) });
    expect(one.poll()).toEqual(['7', '8', '9']);
  });

  test('what was fetched ahead is not returned after a seek, even where nobody dropped it', async () => {
    const one = fetching();
    await one.question().answer({ records: batch(0, 5, 5) });
    await one.question().answer({ records: batch(5, 10, 5) });
    expect(one.poll(2)).toEqual(['0', '1']);
    one.state.seek(one.tp, 8);
    expect(one.poll()).toEqual([]);
    expect(one.position).toBe(8);
  });

  test('a failure that was met before a seek is not thrown after it', async () => {
    const one = fetching({ 'auto.offset.reset': 'none' });
    await one.question().refuse('OFFSET_OUT_OF_RANGE');
    one.state.seek(one.tp, 5);
    expect(failure(() => one.poll())).toBe('none');
  });
});

describe('OFFSET_OUT_OF_RANGE', () => {
  test('of a fetch ahead resets nothing while older records wait: they are returned first', async () => {
    const one = fetching({ 'auto.offset.reset': 'latest' });
    await one.question().answer({ records: batch(0, 5, 5) });
    expect(one.question().row.fetchOffset).toBe(5);
    await one.question().refuse('OFFSET_OUT_OF_RANGE');
    expect(one.position).toBe(0);
    expect(one.poll()).toEqual(['0', '1', '2', '3', '4']);
    expect(one.position).toBe(5);
    await one.question('Fetch').refuse('OFFSET_OUT_OF_RANGE');
    one.poll();
    await one.question('ListOffsets').answer({ offset: 42 });
    expect(one.position).toBe(42);
  });

  test('of a fetch that began elsewhere than where the partition stands now says nothing', async () => {
    const one = fetching({ 'auto.offset.reset': 'latest' });
    const early = one.question();
    one.state.seek(one.tp, 7);
    await early.refuse('OFFSET_OUT_OF_RANGE');
    expect(one.position).toBe(7);
  });

  test('without a reset strategy is thrown, again and again, and the position stays', async () => {
    const one = fetching({ 'auto.offset.reset': 'none' });
    for (let i = 0; i < 2; i++) {
      await one.question().refuse('OFFSET_OUT_OF_RANGE');
      expect(failure(() => one.poll())).toBe('OFFSET_OUT_OF_RANGE');
    }
    expect(one.position).toBe(0);
  });
});

describe('broken answers', () => {
  test('a corrupt batch is not skipped by what was fetched behind it', async () => {
    const one = fetching();
    const corrupt = batch(2, 5, 5);
    corrupt[corrupt.length - 1]! ^= 1;
    await one.question().answer({ records: Buffer.concat([batch(0, 2, 5), corrupt]) });
    await one.question().answer({ records: batch(5, 10, 5) });
    expect(one.poll()).toEqual(['0', '1']);
    expect(failure(() => one.poll())).toBe('CORRUPT_MESSAGE');
    expect(one.position).toBe(2);
    await one.question('Fetch').answer({ records: batch(2, 5, 5) });
    expect(one.poll()).toEqual(['2', '3', '4']);
  });

  const codecs = ['gzip', 'snappy', 'lz4'] as const;
  test.each(codecs)('a small %s batch that is huge is an error that names it', async (codec) => {
    const one = fetching({ 'fetch.max.decompressed.bytes': 100_000 });
    const large = (bytes: number) => {
      const records = [{ timestamp: 1, value: Buffer.alloc(bytes, '.') }];
      const plain = buildBatch(records, { baseOffset: 2, partitionLeaderEpoch: 5 });
      return recompress(new RecordBatch(plain), codec);
    };
    const bomb = large(5_000_000);
    expect(bomb.length).toBeLessThan(300_000);
    await one.question().answer({ records: Buffer.concat([batch(0, 2, 5), bomb]) });
    await one.question().answer({ records: batch(3, 5, 5) });
    expect(one.poll()).toEqual(['0', '1']);
    const sentence = /partition t-0 at offset 2 is larger than .*100000.*seek past it, to offset 3/;
    expect(() => one.poll()).toThrow(
      expect.objectContaining({
        errorName: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(sentence),
      }),
    );
    expect(one.position).toBe(2);
    await one.question('Fetch').answer({ records: large(90_000) });
    expect(one.poll()).toEqual(['.'.repeat(90_000)]);
  });

  test('bytes without a whole batch are an error, not a reason to ask the same for ever', async () => {
    const one = fetching();
    await one.question().answer({ records: batch(0, 5, 5).subarray(0, 40) });
    expect(failure(() => one.poll())).toBe('CORRUPT_MESSAGE');
    expect(one.position).toBe(0);
  });

  test('a refused or broken fetch is repeated, and leaders are looked for', async () => {
    const one = fetching();
    await one.question().refuse('NOT_LEADER_OR_FOLLOWER');
    one.poll();
    await one.question().breakConnection();
    expect(one.updatesRequested).toBe(2);
    one.poll();
    await one.question().answer({ records: batch(0, 1, 5) });
    expect(one.poll()).toEqual(['0']);
  });
});

describe('when the leader changes', () => {
  /** Has read offsets 0 to 4 in leader epoch 5 from node 1; records 5 to 9 wait. Node 2 leads in epoch 6. */
  async function moved(config: Record<string, unknown> = {}): Promise<LoneFetcher> {
    const one = fetching(config);
    await one.question().answer({ records: batch(0, 5, 5) });
    await one.question().answer({ records: batch(5, 10, 5) });
    expect(one.poll(5)).toEqual(['0', '1', '2', '3', '4']);
    one.lead(2, 6);
    expect(one.poll(0)).toEqual([]);
    return one;
  }

  test('the new leader is asked whether its log still holds what was read, before anything is fetched from it', async () => {
    const one = await moved();
    expect(one.question('OffsetForLeaderEpoch')).toMatchObject({
      node: 'node-2',
      row: { leaderEpoch: 5, currentLeaderEpoch: 6 },
    });
    expect(one.asked).not.toContain('Fetch node-2');
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 5, endOffset: 10 });
    one.poll();
    expect(one.question('Fetch')).toMatchObject({
      node: 'node-2',
      row: { fetchOffset: 5, currentLeaderEpoch: 6 },
    });
  });

  test('what the former leader told and is not yet returned is fetched again: the new log may have something else there', async () => {
    const one = await moved();
    expect(one.poll()).toEqual([]);
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 5, endOffset: 7 });
    expect(one.poll()).toEqual([]);
    await one.question('Fetch').answer({ records: Buffer.concat([batch(5, 7, 5), batch(7, 9, 6)]) });
    expect(one.poll()).toEqual(['5', '6', '7', '8']);
  });

  test('a fetch from the former leader that is answered late is not used', async () => {
    const one = fetching();
    const late = one.question('Fetch');
    one.lead(2, 6);
    one.poll();
    await late.answer({ records: batch(0, 10, 5) });
    expect(one.poll()).toEqual([]);
    expect(one.question('Fetch').node).toBe('node-2');
  });

  test('where its log ends earlier the consumer goes back there instead of skipping in silence', async () => {
    const one = await moved();
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 4, endOffset: 3 });
    expect(one.position).toBe(3);
    one.poll();
    expect(one.question('Fetch').row).toMatchObject({ fetchOffset: 3, currentLeaderEpoch: 6 });
  });

  test('where it knows no such epoch the reset strategy decides', async () => {
    const one = await moved({ 'auto.offset.reset': 'earliest' });
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: -1, endOffset: -1 });
    one.poll();
    expect(one.question('ListOffsets').row.timestamp).toBe(-2);
  });

  test('without a reset strategy the program is told both offsets, and nothing is returned until it seeks', async () => {
    const one = await moved({ 'auto.offset.reset': 'none' });
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 4, endOffset: 3 });
    let error: unknown;
    try {
      one.poll();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LogTruncationError);
    expect(error).toMatchObject({
      errorName: 'LOG_TRUNCATION',
      topicPartition: one.tp,
      offsetOutOfRange: 5,
      divergentOffset: { offset: 3, leaderEpoch: 4 },
    });
    expect(one.position).toBe(5);
    expect(one.asked).not.toContain('Fetch node-2');
    one.state.seek(one.tp, 3);
    expect(failure(() => one.poll())).toBe('none');
    one.poll();
    expect(one.question('Fetch').row.fetchOffset).toBe(3);
  });

  test('an answer about a position that was left meanwhile does not count', async () => {
    const one = await moved();
    const asked = one.question('OffsetForLeaderEpoch');
    one.state.seek(one.tp, 8);
    await asked.answer({ leaderEpoch: 4, endOffset: 3 });
    expect(one.position).toBe(8);
  });

  test('a question that hangs at a leader that is none any more is put to the next one', async () => {
    const one = await moved();
    one.lead(3, 7);
    one.poll();
    expect(one.question('OffsetForLeaderEpoch')).toMatchObject({
      node: 'node-3',
      row: { leaderEpoch: 5, currentLeaderEpoch: 7 },
    });
    const reset = new LoneFetcher();
    reset.poll();
    reset.lead(2, 6);
    reset.poll();
    expect(reset.asked).toEqual(['ListOffsets node-1', 'ListOffsets node-2']);
    await reset.questions[1]!.answer({ offset: 9 });
    await reset.questions[0]!.answer({ offset: 4 });
    expect(reset.position).toBe(9);
  });

  test('a refused validation is repeated, and leaders are looked for', async () => {
    const one = await moved();
    await one.question('OffsetForLeaderEpoch').refuse('NOT_LEADER_OR_FOLLOWER');
    expect(one.updatesRequested).toBe(1);
    one.poll();
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 5, endOffset: 10 });
    one.poll();
    expect(one.question('Fetch').node).toBe('node-2');
  });

  test('a committed offset or a seek that names its leader epoch is validated at once, one that does not is not', async () => {
    const one = fetching();
    one.state.seek(
      one.tp,
      { offset: 9, leaderEpoch: 4 },
      { leaderOf: () => ({ leader: 1, epoch: 5 }), updateLastSeenEpochIfNewer: () => {} },
    );
    one.poll();
    await one.question('OffsetForLeaderEpoch').answer({ leaderEpoch: 4, endOffset: 6 });
    expect(one.position).toBe(6);
    one.state.seek(one.tp, 9);
    one.poll();
    expect(one.asked).not.toContain('OffsetForLeaderEpoch node-1');
  });
});
