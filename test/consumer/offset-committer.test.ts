/** Commits reach the coordinator one after the other, in the order they were made. */
import { Host } from '../../src/common/host';
import { CoordinatorClient } from '../../src/consumer/coordinator-client';
import { Prng } from '../../src/simulation/prng';
import { OffsetCommitter, OUTSIDE_OF_A_GROUP } from '../../src/consumer/offset-committer';

test('a commit is sent when the one before it has been answered', async () => {
  const sent: number[] = [];
  const answers: (() => void)[] = [];
  const coordinator = {
    note: () => 'NONE',
    request: (_: unknown, { topics }: { topics: { partitions: { committedOffset: number }[] }[] }) => {
      sent.push(topics[0]!.partitions[0]!.committedOffset);
      return new Promise((resolve) =>
        answers.push(() => resolve({ topics: [{ partitions: [{ errorCode: 0 }] }] })),
      );
    },
  } as unknown as CoordinatorClient;
  const clock = { wallMs: () => 0, monotonicMs: () => 0, schedule: () => ({ cancel: () => {} }) };
  const committer = new OffsetCommitter(
    { clock, random: new Prng('committer') } as unknown as Host,
    'g',
    100,
    coordinator,
  );
  const commits = [5, 6].map((offset) =>
    committer.commit([{ topic: 't', partition: 0, offset }], OUTSIDE_OF_A_GROUP, 1000),
  );
  const turns = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  await turns();
  expect(sent).toEqual([5]);
  answers[0]!();
  await turns();
  expect(sent).toEqual([5, 6]);
  answers[1]!();
  await Promise.all(commits);
});
