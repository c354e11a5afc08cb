/** The clients as their users meet them: the package, the examples, and Kafka's tools, on real processes. */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { BrokerProcess } from '../../src/lab/broker-process';
import { LabCluster, profiles } from '../../src/lab/lab-cluster';
import { MemberEvent, MemberProcess } from '../../src/lab/member-process';
import { until } from '../../src/lab/wait';
import { freshChroot } from '../support/real-zk';

const ROOT = path.join(__dirname, '../../..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-clients-test-'));
let cluster: LabCluster<BrokerProcess>;

interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

function run(
  args: readonly string[],
  options: { input?: string; env?: Record<string, string>; cwd?: string } = {},
): Ran {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    input: options.input ?? '',
    encoding: 'utf8',
    timeout: 150000,
    maxBuffer: 1 << 26,
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
  });
  return { out: stdout, err: stderr, code: status };
}

const samsa = (args: readonly string[], input = '') =>
  run([path.join(ROOT, 'bin/samsa'), ...args], { input });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const where = () => ['--zookeeper', cluster.connect];

beforeAll(async () => {
  cluster = await LabCluster.start({
    directory,
    brokers: 2,
    profile: profiles.test!,
    settings: { 'offsets.topic.replication.factor': 2 },
    zookeeper: await freshChroot(),
  });
  for (const topic of ['examples', 'tools', 'packed'])
    await cluster.createTopic(
      topic,
      new Map([
        [0, [1, 2]],
        [1, [2, 1]],
      ]),
    );
});
afterAll(async () => {
  await cluster.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

test('the examples do what they say', () => {
  const env = { SAMSA_ZOOKEEPER: cluster.connect, SAMSA_TOPIC: 'examples' };
  const example = (name: string, ...args: string[]) =>
    run([path.join(ROOT, 'examples', `${name}.mjs`), ...args], { env });
  const produced = example('produce', '8');
  expect([produced.code, lines(produced.out).length]).toEqual([0, 8]);
  const consumed = example('consume', 'example', '8');
  expect(
    lines(consumed.out)
      .map((line) => line.replace(/^partition \d offset \d+ /, ''))
      .sort(),
  ).toEqual(Array.from({ length: 8 }, (_, i) => `key-${i % 4} = {"number":${i}}`).sort());
  expect(
    lines(example('batches', 'example-batches', '8').out).reduce(
      (sum, line) => sum + Number(/: (\d+) records/.exec(line)![1]),
      0,
    ),
  ).toBe(8);
  expect(lines(example('old-consumer', 'example-old', '8').out).length).toBe(8);
  // Leaving commits: the group has nothing left.
  const lags = lines(samsa(['consumer-groups', ...where(), '--describe', '--group', 'example']).out)
    .slice(1)
    .map((line) => line.split(/ +/)[5]);
  expect(lags.every((lag) => lag === '0')).toBe(true);
});

test('the packed package works in an empty folder, by require and by import', () => {
  const home = path.join(directory, 'empty');
  fs.mkdirSync(path.join(home, 'node_modules'), { recursive: true });
  const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', home], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 120000,
  });
  const [tarball] = fs.readdirSync(home).filter((name) => name.endsWith('.tgz'));
  expect([packed.status, tarball]).toEqual([0, 'samsa-0.1.0.tgz']);
  spawnSync('tar', ['-xzf', tarball!, '-C', 'node_modules'], { cwd: home });
  fs.renameSync(path.join(home, 'node_modules/package'), path.join(home, 'node_modules/samsa'));
  // What npm would install beside it.
  for (const name of fs.readdirSync(path.join(ROOT, 'node_modules')))
    if (!name.startsWith('.'))
      fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(home, 'node_modules', name));
  const body = `
    const producer = new Producer({ 'zookeeper.connect': process.argv[2], acks: 'all', 'compression.type': 'zstd' });
    const { offset } = await producer.send({ topic: 'packed', partition: 0, value: 'hello' });
    await producer.close();
    const consumer = new Consumer({ 'bootstrap.servers': process.argv[3], 'value.deserializer': 'string' });
    consumer.assign([{ topic: 'packed', partition: 0 }]);
    consumer.seek({ topic: 'packed', partition: 0 }, offset);
    const [record] = await consumer.poll(60000);
    await consumer.close();
    const admin = new Admin({ 'zookeeper.connect': process.argv[2] });
    const topics = await admin.listTopics();
    await admin.close();
    let refused;
    try { new Producer({ acks: 'some' }); } catch (error) { refused = error instanceof KafkaError && error.errorName; }
    console.log(record.value, topics.includes('packed'), refused);`;
  fs.writeFileSync(
    path.join(home, 'esm.mjs'),
    `import { Admin, Consumer, KafkaError, Producer } from 'samsa';\n${body}\n`,
  );
  fs.writeFileSync(
    path.join(home, 'cjs.cjs'),
    `const { Admin, Consumer, KafkaError, Producer } = require('samsa');\n(async () => {${body}})();\n`,
  );
  for (const file of ['esm.mjs', 'cjs.cjs']) {
    expect(run([file, cluster.connect, `127.0.0.1:${cluster.broker(1).port}`], { cwd: home })).toMatchObject({
      out: 'hello true CONFIG_EXCEPTION\n',
      code: 0,
    });
  }
});

test('console tools: groups share and remember, keys, headers and codecs travel, the old consumer commits to ZooKeeper', () => {
  const text = Array.from({ length: 50 }, (_, i) => `h:${i}\tk${i}\tvalue ${i}`).join('\n');
  const parse = ['--property', 'parse.key=true', '--property', 'parse.headers=true'];
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    expect(
      samsa(
        [
          'console-producer',
          ...where(),
          '--topic',
          'tools',
          '--compression-codec',
          codec,
          '--request-required-acks',
          'all',
          ...parse,
        ],
        `${text}\n`,
      ),
    ).toMatchObject({ code: 0, err: '' });
  }
  const read = (count: string) =>
    lines(
      samsa([
        'console-consumer',
        ...where(),
        '--topic',
        'tools',
        '--group',
        'console',
        '--from-beginning',
        '--max-messages',
        count,
        '--property',
        'print.key=true',
        '--property',
        'print.headers=true',
        '--timeout-ms',
        '100000',
      ]).out,
    );
  const first = read('120');
  const rest = read('130');
  expect([first.length, rest.length]).toEqual([120, 130]);
  expect([...first, ...rest].sort()).toEqual(
    Array.from({ length: 250 }, (_, i) => `h:${i % 50}\tk${i % 50}\tvalue ${i % 50}`).sort(),
  );
  const old = samsa([
    'console-consumer',
    ...where(),
    '--old-consumer',
    '--topic',
    'tools',
    '--group',
    'old',
    '--from-beginning',
    '--max-messages',
    '250',
    '--timeout-ms',
    '100000',
  ]);
  expect(lines(old.out).length).toBe(250);
  expect(
    Number(samsa(['zk', 'get', ...where(), '/consumers/old/offsets/tools/0']).out.split('\n')[0]),
  ).toBeGreaterThan(0);
  const offsets = lines(samsa(['get-offsets', ...where(), '--topic', 'tools']).out);
  expect(offsets.map((line) => Number(line.split(':')[2])).reduce((a, b) => a + b, 0)).toBe(250);
  expect(
    samsa(['console-consumer', ...where(), '--topic', 'tools', '--partition', '9', '--timeout-ms', '50000']),
  ).toMatchObject({ code: 1, err: expect.stringContaining('has no partition 9') });
});

test('consumer-groups lists, describes, resets, exports and deletes', () => {
  const groups = (...args: string[]) => samsa(['consumer-groups', ...where(), ...args]);
  expect(lines(groups('--list').out)).toEqual(expect.arrayContaining(['console', 'example']));
  expect(groups('--describe', '--group', 'console')).toMatchObject({
    code: 0,
    err: expect.stringContaining('has no active members'),
    out: expect.stringMatching(/GROUP +TOPIC +PARTITION +CURRENT-OFFSET +LOG-END-OFFSET +LAG/),
  });
  expect(groups('--reset-offsets', '--group', 'console', '--topic', 'tools', '--to-earliest')).toMatchObject({
    code: 0,
    err: expect.stringContaining('--execute option is missing'),
  });
  const file = path.join(directory, 'offsets.csv');
  fs.writeFileSync(
    file,
    groups('--reset-offsets', '--group', 'console', '--topic', 'tools:0', '--to-offset', '3', '--export').out,
  );
  expect(fs.readFileSync(file, 'utf8')).toBe('tools,0,3\n');
  expect(groups('--reset-offsets', '--group', 'console', '--from-file', file, '--execute').code).toBe(0);
  expect(groups('--describe', '--group', 'console').out).toMatch(/console +tools +0 +3 /);
  expect(groups('--delete-offsets', '--group', 'console', '--topic', 'tools:0').out).toMatch(
    /tools +0 +Successful/,
  );
  expect(groups('--delete', '--group', 'console').out).toContain(
    "Deletion of requested consumer groups ('console') was successful.",
  );
  expect(groups('--describe', '--group', 'console')).toMatchObject({
    code: 1,
    err: expect.stringContaining("Consumer group 'console' does not exist."),
  });
  expect(groups('--delete', '--group', 'console')).toMatchObject({
    code: 1,
    err: expect.stringContaining('GROUP_ID_NOT_FOUND'),
  });
});

test('a group of real processes: one is killed, its session is ended, the other takes over and nothing is lost', async () => {
  const events: (MemberEvent & { readonly who: string })[] = [];
  const args = [
    '--zookeeper',
    cluster.connect,
    '--topic',
    'tools',
    '--group-id',
    'processes',
    '--session-timeout',
    '6000',
  ];
  const start = (name: string) =>
    new MemberProcess(name, args, (member, event) => events.push({ ...event, who: member.name }));
  const [a, b] = [start('a'), start('b')];
  try {
    await until('both share', () => a.partitions.length === 1 && b.partitions.length === 1);
    const describe = () =>
      samsa(['consumer-groups', ...where(), '--describe', '--group', 'processes', '--members', '--verbose'])
        .out;
    expect(
      lines(describe())
        .slice(1)
        .map((line) => /tools\([01]\)$/.test(line)),
    ).toEqual([true, true]);
    expect(
      samsa([
        'consumer-groups',
        ...where(),
        '--group',
        'processes',
        '--reset-offsets',
        '--to-earliest',
        '--all-topics',
        '--execute',
      ]),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining("can only be reset if the group 'processes' is inactive"),
    });
    await a.kill9();
    await until('b has both', () => b.partitions.length === 2);
    expect(
      samsa(['verifiable-producer', ...where(), '--topic', 'tools', '--max-messages', '20']).out,
    ).toMatch(/"name":"shutdown_complete"}\n.*"name":"tool_data","sent":20,"acked":20/);
    const seen = () =>
      new Set(
        events
          .filter((event) => event.name === 'record_data')
          .map((event) => `${event.partition}@${event.offset}`),
      ).size;
    await until('all is processed', () => seen() === 270);
    await b.terminate();
    expect(events.filter((event) => event.who === 'b').at(-1)!.name).toBe('shutdown_complete');
  } finally {
    for (const member of [a, b]) if (member.isAlive) await member.kill9();
  }
});

test("the measuring tools print Kafka's lines", () => {
  const settings = [`zookeeper.connect=${cluster.connect}`, 'acks=all', 'compression.type=lz4'];
  expect(
    samsa([
      'producer-perf-test',
      '--topic',
      'tools',
      '--num-records',
      '2000',
      '--record-size',
      '100',
      '--throughput',
      '-1',
      '--producer-props',
      ...settings,
    ]).out,
  ).toMatch(
    /^2000 records sent, [\d.]+ records\/sec \([\d.]+ MB\/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th.$/m,
  );
  const consumed = lines(
    samsa(['consumer-perf-test', ...where(), '--topic', 'tools', '--messages', '2000', '--timeout', '100000'])
      .out,
  );
  expect(consumed[0]).toBe(
    'start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, ' +
      'rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec',
  );
  expect(consumed[1]!.split(', ').length).toBe(10);
  expect(
    samsa(['end-to-end-latency', `127.0.0.1:${cluster.broker(1).port}`, 'packed', '20', '1', '50']).out,
  ).toMatch(
    /^0\t[\d.]+\nAvg latency: [\d.]+ ms\n\nPercentiles: 50th = [\d.]+, 99th = [\d.]+, 99.9th = [\d.]+\n$/,
  );
});

test('SIGTERM ends a broker with exit code 0, and an open consumer does not keep it', async () => {
  const child = spawn(
    process.execPath,
    [
      path.join(ROOT, 'bin/samsa'),
      'console-consumer',
      ...where(),
      '--topic',
      'tools',
      '--group',
      'lingering',
      '--from-beginning',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await cluster.broker(2).terminate();
    expect(cluster.broker(2).exitCode).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await cluster.broker(2).start();
  }
});
