/** Names of partitions on disk: what no topic can be called never gets there. */
import { KafkaError } from '../../src/common/errors';
import { silentLog } from '../../src/host/node-host';
import { Host } from '../../src/common/host';
import { deletedDirName, logDirName } from '../../src/log/log-dir-name';
import { LogManager } from '../../src/log/log-manager';
import { LogManagerOptions } from '../../src/log/log-manager-options';
import { Prng } from '../../src/simulation/prng';
import { LOG_DEFAULTS, LoneLog } from '../support/lone-log';

const BAD: readonly (readonly [topic: string, partition: number])[] = [
  ['x'.repeat(250), 0],
  ['x'.repeat(32767), 0],
  ['../../etc/t', 0],
  ['a/b', 0],
  ['..', 0],
  ['', 0],
  ['t\n', 0],
  ['t', -1],
  ['t', 2 ** 31],
  ['t', 0.5],
  ['x'.repeat(249), 100_000],
];

test('a partition has the name that Kafka gives it, also the one with the longest', () => {
  expect(logDirName({ topic: 'my-topic', partition: 12 })).toBe('my-topic-12');
  expect(logDirName({ topic: 'x'.repeat(249), partition: 99_999 })).toHaveLength(255);
});

test.each(BAD)('topic %j with partition %s gets no directory', async (topic, partition) => {
  const tp = { topic, partition };
  expect(() => logDirName(tp)).toThrow(expect.objectContaining({ errorName: 'INVALID_TOPIC_EXCEPTION' }));
  const { disk, clock } = new LoneLog();
  const host = { disk, clock, random: new Prng('names'), log: silentLog, event: () => {} } as unknown as Host;
  const options = {
    logDirs: ['/data'],
    defaults: LOG_DEFAULTS,
    maxOpenFiles: 10,
    tailCacheBytes: 0,
    cleaner: { enabled: false },
  };
  const logs = new LogManager(host, options as unknown as LogManagerOptions);
  logs.lockDirs();
  const before = disk.list('/data').length;
  await expect(logs.getOrCreate(tp, true)).rejects.toBeInstanceOf(KafkaError);
  expect(disk.list('/data')).toHaveLength(before);
  expect(logs.offlineDirs).toEqual([]);
  expect(await logs.getOrCreate({ topic: 't', partition: 0 }, true)).toBeDefined();
});

test('the directory of the longest name can be renamed for its deletion', () => {
  const random = new Prng('deleted');
  expect(deletedDirName({ topic: 't', partition: 3 }, random)).toMatch(/^t-3\.[0-9a-f]{32}-delete$/);
  const long = deletedDirName({ topic: 'x'.repeat(249), partition: 99_999 }, random);
  expect(long).toHaveLength(255);
  expect(long).toMatch(/^x+-99999\.[0-9a-f]{32}-delete$/);
});
