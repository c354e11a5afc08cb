/** A batch that an idempotent producer sends again is answered with where its first copy is. */
import { buildBatch } from '../../src/record/batch-builder';
import { withOverrides } from '../../src/log/log-config';
import { LOG_DEFAULTS, SimLog } from '../support/sim-log';

const PRODUCER = { producerId: 7, producerEpoch: 0 };
const batch = (baseSequence: number, size: number) =>
  buildBatch([{ timestamp: 1_700_000_000_000, value: Buffer.alloc(size, 'x') }], {
    ...PRODUCER,
    baseSequence,
  });

test('a batch that was written is recognised also when the settings would refuse it now', async () => {
  const sim = new SimLog();
  const log = await sim.open();
  const first = log.appendAsLeader(batch(0, 500), 0);
  expect(first).toMatchObject({ firstOffset: 0, isDuplicate: false });
  log.config = withOverrides(LOG_DEFAULTS, { 'max.message.bytes': '300' });
  expect(log.appendAsLeader(batch(0, 500), 0)).toMatchObject({
    firstOffset: 0,
    lastOffset: 0,
    isDuplicate: true,
  });
  expect(() => log.appendAsLeader(batch(1, 500), 0)).toThrow(
    expect.objectContaining({ errorName: 'MESSAGE_TOO_LARGE' }),
  );
  expect(log.logEndOffset).toBe(1);
});

test('the same sequence numbers of another producer epoch are no repetition', async () => {
  const sim = new SimLog();
  const log = await sim.open();
  log.appendAsLeader(batch(0, 10), 0);
  const later = buildBatch([{ timestamp: 1_700_000_000_000, value: null }], {
    ...PRODUCER,
    producerEpoch: 1,
    baseSequence: 0,
  });
  expect(log.appendAsLeader(later, 0)).toMatchObject({ firstOffset: 1, isDuplicate: false });
});
