/**
 * Real processes on a real ZooKeeper: what only a process can show. Sessions never expire by accident; expiry
 * is caused.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { Consumer } from '../../src/consumer/consumer';
import { BrokerProcess } from '../../src/lab/broker-process';
import { LabCluster, profiles } from '../../src/lab/lab-cluster';
import { account, numberOf, openProducer, readAll, SteadyProducer } from '../../src/lab/workload';
import { until } from '../../src/lab/wait';
import { freshChroot } from '../support/real-zk';

const SAMSA = path.join(__dirname, '../../../bin/samsa');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-cluster-test-'));
let cluster: LabCluster<BrokerProcess>;

function samsa(args: readonly string[], input = ''): { out: string; err: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [SAMSA, ...args], {
    input,
    encoding: 'utf8',
    timeout: 120000,
    maxBuffer: 1 << 26,
  });
  return { out: stdout, err: stderr, code: status };
}

beforeAll(async () => {
  cluster = await LabCluster.start({
    directory,
    brokers: 3,
    profile: profiles.test!,
    zookeeper: await freshChroot(),
  });
});
afterAll(async () => {
  await cluster.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

const broker = (id: number) => cluster.broker(id);

async function backInSync(topic: string): Promise<void> {
  for (const one of cluster.brokers) if (!one.isRunning) await one.start();
  await cluster.untilIsr({ topic, partition: 0 }, [1, 2, 3]);
}

test('the quickstart: create, list, describe, produce, consume, over ZooKeeper and over a broker', () => {
  const z = ['--zookeeper', cluster.connect];
  const b = ['--bootstrap-server', `127.0.0.1:${broker(1).port}`];
  expect(
    samsa([
      'topics',
      ...z,
      '--create',
      '--topic',
      'quick',
      '--partitions',
      '2',
      '--replication-factor',
      '3',
      '--config',
      'retention.ms=86400000',
    ]),
  ).toMatchObject({ code: 0, out: 'Created topic quick.\n' });
  expect(
    samsa(['topics', ...b, '--create', '--topic', 'quick2', '--replica-assignment', '3:1,1:2']),
  ).toMatchObject({ code: 0 });
  expect(samsa(['topics', ...z, '--list']).out.split('\n')).toEqual(
    expect.arrayContaining(['quick', 'quick2']),
  );
  expect(samsa(['topics', ...z, '--describe', '--topic', 'quick']).out).toMatch(
    /Topic: quick\tPartitionCount: 2\tReplicationFactor: 3\tConfigs: retention.ms=86400000\n\tTopic: quick\tPartition: 0\tLeader: \d/,
  );
  expect(samsa(['topics', ...b, '--describe', '--topic', 'quick2']).out).toContain(
    'Partition: 0\tLeader: 3\tReplicas: 3,1',
  );
  const lines = 'k1:one\nk2:two\nk1:three\n\u043a:\u00fc\nk3:\n';
  expect(
    samsa(
      [
        'console-producer',
        ...z,
        '--topic',
        'quick',
        '--property',
        'parse.key=true',
        '--property',
        'key.separator=:',
        '--request-required-acks',
        'all',
      ],
      lines,
    ).code,
  ).toBe(0);
  expect(samsa(['console-producer', ...b, '--topic', 'quick2'], 'x\n\ny\n').code).toBe(0);
  const read = samsa([
    'console-consumer',
    ...z,
    '--topic',
    'quick',
    '--from-beginning',
    '--max-messages',
    '5',
    '--timeout-ms',
    '60000',
    '--property',
    'print.key=true',
    '--property',
    'key.separator=:',
  ]);
  expect(read.out.split('\n').sort()).toEqual(lines.split('\n').sort());
  expect(read.err).toContain('Processed a total of 5 messages');
  expect(
    samsa([
      'console-consumer',
      ...b,
      '--topic',
      'quick2',
      '--from-beginning',
      '--max-messages',
      '3',
      '--timeout-ms',
      '60000',
    ]),
  ).toMatchObject({
    code: 0,
    out: 'x\n\ny\n',
    err: expect.stringContaining('Processed a total of 3 messages'),
  });
  const one = samsa([
    'console-consumer',
    ...z,
    '--topic',
    'quick',
    '--partition',
    '0',
    '--offset',
    '0',
    '--max-messages',
    '1',
    '--property',
    'print.offset=true',
    '--property',
    'print.partition=true',
    '--property',
    'print.timestamp=true',
    '--timeout-ms',
    '30000',
  ]);
  expect(one.out).toMatch(/^CreateTime:\d{13}\tPartition:0\tOffset:0\t/);
  expect(
    samsa(['zk', 'get', '--zookeeper', cluster.connect, '/brokers/topics/quick/partitions/0/state']).out,
  ).toMatch(/^\{"controller_epoch":\d+,"leader":\d,"version":1,"leader_epoch":0,"isr":\[\d,\d,\d\]\}/);
  expect(samsa(['zk', 'ls', '--zookeeper', cluster.connect, '/brokers/ids']).out).toBe('1\n2\n3\n');
});

test("what a beginner gets wrong is one line with Kafka's name for it, and exit code 1", () => {
  const z = ['--zookeeper', cluster.connect];
  const create = (...args: string[]) => samsa(['topics', ...z, '--create', ...args]);
  const cases: [ReturnType<typeof samsa>, RegExp][] = [
    [
      create('--topic', 'bad name', '--partitions', '1', '--replication-factor', '1'),
      /^Error: INVALID_TOPIC_EXCEPTION: /,
    ],
    [
      create('--topic', 'wide', '--partitions', '1', '--replication-factor', '4'),
      /^Error: INVALID_REPLICATION_FACTOR: Replication factor: 4 larger than available brokers: 3\.\n$/,
    ],
    [
      create('--topic', 'none', '--partitions', '0', '--replication-factor', '1'),
      /^Error: INVALID_PARTITIONS: /,
    ],
    [
      create('--topic', 'quick', '--partitions', '1', '--replication-factor', '1'),
      /^Error: TOPIC_ALREADY_EXISTS: /,
    ],
    [
      create(
        '--topic',
        'conf',
        '--partitions',
        '1',
        '--replication-factor',
        '1',
        '--config',
        'retention.ms=soon',
      ),
      /^Error: INVALID_CONFIG: /,
    ],
    [create('--topic', 'twice', '--replica-assignment', '1:1'), /^Error: INVALID_REPLICA_ASSIGNMENT: /],
    [samsa(['topics', ...z, '--describe', '--topic', 'nowhere']), /^Error: UNKNOWN_TOPIC_OR_PARTITION: /],
    [samsa(['console-producer', ...z, '--topic', 'bad name'], 'x\n'), /^Error: INVALID_TOPIC_EXCEPTION: /],
    [
      samsa(['console-consumer', ...z, '--topic', 'quick', '--offset', 'x', '--partition', '0']),
      /^Error: The provided offset value 'x' is incorrect/,
    ],
    [samsa(['topics', '--zookeeper', 'nonsense:x', '--list']), /^Error: CONFIG_EXCEPTION: 'nonsense:x/],
    [samsa(['dump-log', '--files', '/no/such.log']), /^Error: ENOENT/],
  ];
  for (const [result, pattern] of cases) {
    expect(result.err).toMatch(pattern);
    expect(result.err.trim().split('\n')).toHaveLength(1);
    expect(result.code).toBe(1);
  }
  expect(samsa(['topics', ...z, '--list']).out).not.toMatch(/bad|wide|none|conf|twice/);
});

test('acknowledged records survive kill -9 of the leader, and the log dumps clean', async () => {
  const tp = { topic: 'survivor', partition: 0 };
  await cluster.createTopic(tp.topic, new Map([[0, [1, 2, 3]]]), {
    'min.insync.replicas': '2',
    'segment.bytes': '20000',
  });
  const steady = new SteadyProducer(
    await openProducer(cluster, { 'delivery.timeout.ms': 600000, 'request.timeout.ms': 5000 }),
    tp,
    1,
  );
  await until('records', () => steady.log.acked.size > 300);
  await broker(1).kill9();
  await broker(1).expireSession();
  await cluster.untilLeader(tp, (leader) => leader === 2 || leader === 3);
  const after = steady.log.acked.size;
  await until('more records', () => steady.log.acked.size > after + 300);
  await backInSync(tp.topic);
  const log = await steady.stop();
  expect(log.errorCount).toBe(0);
  const numbers: number[] = [];
  await readAll(cluster, tp, (record) => {
    numbers.push(numberOf(record));
  });
  expect(account(log, numbers)).toMatchObject({ lost: 0, reordered: 0 });
  const segments = fs
    .readdirSync(path.join(broker(2).logDir, 'survivor-0'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => path.join(broker(2).logDir, 'survivor-0', name));
  expect(segments.length).toBeGreaterThan(1);
  const dump = samsa(['dump-log', '--deep-iteration', '--files', segments.join(',')]);
  expect(dump.code).toBe(0);
  expect(dump.out).toContain('isvalid: true');
  expect(dump.out).not.toContain('isvalid: false');
});

test('SIGTERM hands leaders over without an error at the client, and leaves a clean marker', async () => {
  const tp = { topic: 'goodbye', partition: 0 };
  await cluster.createTopic(tp.topic, new Map([[0, [2, 1, 3]]]), { 'min.insync.replicas': '2' });
  const steady = new SteadyProducer(await openProducer(cluster), tp, 2);
  await until('records', () => steady.log.acked.size > 100);
  await broker(2).terminate();
  expect(fs.existsSync(path.join(broker(2).logDir, '.kafka_cleanshutdown'))).toBe(true);
  expect(await cluster.leaderOf(tp)).not.toBe(2);
  const after = steady.log.acked.size;
  await until('more records', () => steady.log.acked.size > after + 100);
  await backInSync(tp.topic);
  const log = await steady.stop();
  expect(log.errorCount).toBe(0);
  const numbers: number[] = [];
  await readAll(cluster, tp, (record) => {
    numbers.push(numberOf(record));
  });
  expect(account(log, numbers)).toMatchObject({ lost: 0, reordered: 0 });
});

test('a paused leader that wakes up after its succession cannot acknowledge, and joins again', async () => {
  const tp = { topic: 'sleeper', partition: 0 };
  await cluster.createTopic(tp.topic, new Map([[0, [3, 1, 2]]]), { 'min.insync.replicas': '2' });
  const producer = await openProducer(cluster, { 'request.timeout.ms': 3000, 'delivery.timeout.ms': 600000 });
  expect((await producer.send({ ...tp, value: 'a' })).offset).toBe(0);
  broker(3).pause();
  await broker(3).expireSession();
  await cluster.untilLeader(tp, (leader) => leader === 1 || leader === 2);
  await producer.send({ ...tp, value: 'b' });
  broker(3).resume();
  await until('it is registered again', async () => (await cluster.liveBrokerIds()).includes(3));
  await cluster.untilIsr(tp, [1, 2, 3]);
  await producer.close();
  const values: string[] = [];
  await readAll(cluster, tp, (record) => {
    values.push(record.value!.toString());
  });
  expect([...new Set(values)]).toEqual(['a', 'b']);
});

test('F10: the controller is killed; another is elected with epoch +1 and the work goes on', async () => {
  const before = await cluster.controllerEpoch();
  const id = await cluster.controllerId();
  await broker(id).kill9();
  await broker(id).expireSession();
  await until('another controller', async () => {
    const now = await cluster.controllerId();
    return now >= 0 && now !== id;
  });
  expect(await cluster.controllerEpoch()).toBe(before + 1);
  await cluster.createTopic('after-controller', new Map([[0, [1, 2, 3].filter((one) => one !== id)]]));
  await broker(id).start();
  await until('all registered', async () => (await cluster.liveBrokerIds()).length === 3);
});

describe('a start that must fail says why, and changes nothing', () => {
  const attempt = (
    overrides: Record<string, string | number>,
    options: { id?: number; logs?: string } = {},
  ) => {
    const file = path.join(directory, 'bad.properties');
    const settings = {
      'broker.id': options.id ?? 9,
      'listeners': 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': options.logs ?? fs.mkdtempSync(path.join(directory, 'logs-')),
      'zookeeper.connect': cluster.connect,
      ...overrides,
    };
    fs.writeFileSync(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    const { err, code } = samsa(['server-start', file]);
    return {
      message: err
        .split('\n')
        .filter((line) => line.startsWith('Error: '))
        .join(),
      code,
    };
  };

  test('port in use', () => {
    expect(attempt({ listeners: `PLAINTEXT://127.0.0.1:${broker(1).port}` })).toMatchObject({
      code: 1,
      message: expect.stringContaining('Address already in use'),
    });
  });

  test('log dir in use', () => {
    expect(attempt({}, { logs: broker(1).logDir })).toMatchObject({
      code: 1,
      message: expect.stringContaining(`already running there as process ${broker(1).pid}`),
    });
  });

  test('broker id taken', async () => {
    expect(attempt({}, { id: 1 })).toMatchObject({
      code: 1,
      message: expect.stringContaining('Broker id 1 is already registered'),
    });
    expect(await cluster.liveBrokerIds()).toEqual([1, 2, 3]);
  });

  test('log dir of another cluster', () => {
    const logs = fs.mkdtempSync(path.join(directory, 'logs-'));
    fs.writeFileSync(
      path.join(logs, 'meta.properties'),
      'version=0\nbroker.id=9\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n',
    );
    expect(attempt({}, { logs })).toMatchObject({
      code: 1,
      message: expect.stringContaining('InconsistentClusterIdException'),
    });
    expect(fs.readFileSync(path.join(logs, 'meta.properties'), 'utf8')).toContain('AAAAAAAAAAAAAAAAAAAAAA');
  });

  test('ZooKeeper out of reach, and a bad setting', () => {
    expect(
      attempt({ 'zookeeper.connect': '127.0.0.1:1', 'zookeeper.connection.timeout.ms': 500 }),
    ).toMatchObject({
      code: 1,
      message: expect.stringContaining('Could not connect to ZooKeeper at 127.0.0.1:1'),
    });
    expect(attempt({ 'num.partitions': 'many' })).toMatchObject({
      code: 1,
      message:
        'Error: CONFIG_EXCEPTION: Invalid value many for configuration num.partitions: Not a number of ' +
        'type INT',
    });
  });
});

test('hostile frames cost their sender the connection, the broker one log line each and no memory', async () => {
  const frames: Buffer[] = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
    Buffer.concat([Buffer.from([0, 0x10, 0, 0]), Buffer.alloc(0x100000, 0x91)]),
    Buffer.from([0, 0, 0, 6, 0x95, 0xcd, 3, 231, 0, 0]),
    Buffer.from([0, 0, 0, 10, 0x95, 0, 0, 1, 0xa1, 0x63, 0xdd, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 1, 0xc1]),
  ];
  const rss = () =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${broker(1).pid}/status`, 'utf8'))?.[1] ?? 0);
  const linesBefore = fs
    .readFileSync(broker(1).logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('Closing connection')).length;
  const before = rss();
  for (let round = 0; round < 20; round++) {
    for (const frame of frames) {
      await new Promise<void>((resolve) => {
        const socket = net.connect(broker(1).port, '127.0.0.1', () => socket.write(frame));
        socket.on('error', () => {}).on('close', () => resolve());
      });
    }
  }
  const linesAfter = fs
    .readFileSync(broker(1).logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('Closing connection')).length;
  expect(linesAfter - linesBefore).toBe(20 * frames.length);
  expect(rss() - before).toBeLessThan(64 * 1024);
  const consumer = await Consumer.open(cluster.environment, {
    'bootstrap.servers': `127.0.0.1:${broker(1).port}`,
  });
  expect((await consumer.partitionsFor('quick')).length).toBe(2);
  await consumer.close();
});

test('a request written by hand as plain msgpack is answered', async () => {
  const socket = net.connect(broker(1).port, '127.0.0.1');
  const body = Buffer.from([0x95, 18, 0, 7, 0xa1, 0x78, 0x92, 0xa1, 0x6a, 0xa1, 0x31]);
  const reply = await new Promise<Buffer>((resolve) => {
    socket.once('data', resolve);
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]));
  });
  socket.destroy();
  // [7, [0, [[0, 0, 0], …], brokerId, clusterId]], written by hand, byte by byte.
  expect([...reply.subarray(4, 8)]).toEqual([0x92, 7, 0x94, 0]);
});

test('brokers end when whoever started them is gone', async () => {
  const orphan = new BrokerProcess({
    id: 7,
    directory: path.join(directory, 'orphan'),
    zookeeper: cluster.connect,
    settings: profiles.test!.settings,
  });
  await orphan.start();
  const { pid } = orphan;
  (orphan as unknown as { child: { stdin: { end(): void } } }).child.stdin.end();
  await until('the broker ended', () => !orphan.isRunning);
  expect(pid).toBeGreaterThan(0);
  await orphan.expireSession();
});
