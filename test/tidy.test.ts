/**
 * Reads the source tree: import directions, calls that bypass the host, style. A rule that does not run does
 * nothing.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '../..');
const MAX_FILE_LINES = 350;
/** Longer than that, and to be split by idea; they may not grow. Tables come last. */
const LONG_FILES: Readonly<Record<string, number>> = {
  'src/broker/broker-config.ts': 691,
  'src/broker/broker.ts': 538,
  'src/zk/znodes.ts': 508,
  'src/zk/zk-client.ts': 466,
  'src/consumer/consumer.ts': 446,
  'src/simulation/walks/walk-cluster.ts': 432,
  'src/log/log-manager.ts': 438,
  'src/cli/consumer-groups.ts': 416,
  'src/producer/sender.ts': 416,
  'src/log/log.ts': 412,
  'src/simulation/sim-cluster.ts': 402,
  'src/log/log-segment.ts': 393,
  'src/broker/partition.ts': 388,
  'src/broker/replica-fetcher.ts': 386,
  'src/broker/replica-manager.ts': 385,
  'src/simulation/sim-zk-session.ts': 382,
  'src/simulation/scenario.ts': 381,
  'src/simulation/group-walks/group-steps.ts': 373,
  'src/log/log-recovery.ts': 366,
  'src/zk/zk-connection.ts': 364,
  'src/consumer/group-membership.ts': 363,
  'src/producer/producer.ts': 356,
  'src/simulation/group-walks/walk-member.ts': 355,
  'src/broker/group/group-coordinator.ts': 351,
  'src/controller/active-controller.ts': 351,
  'src/controller/state-transitions.ts': 353,
};

/** What each folder of src may import, besides itself. Types count. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  common: [],
  host: ['common'],
  record: ['common'],
  protocol: ['common'],
  network: ['common', 'protocol'],
  log: ['common', 'record'],
  zk: ['common'],
  controller: ['common', 'protocol', 'network', 'zk'],
  broker: ['common', 'record', 'protocol', 'network', 'log', 'zk', 'controller'],
  client: ['common', 'protocol', 'network', 'zk'],
  producer: ['common', 'record', 'protocol', 'network', 'zk', 'client'],
  consumer: ['common', 'record', 'protocol', 'network', 'zk', 'client'],
  admin: ['common', 'record', 'protocol', 'network', 'log', 'zk', 'client'],
  checkers: ['common', 'record', 'log', 'zk'],
  lab: ['common', 'host', 'log', 'zk', 'client', 'producer', 'consumer', 'checkers'],
  simulation: [
    'common',
    'record',
    'protocol',
    'network',
    'log',
    'zk',
    'controller',
    'broker',
    'client',
    'producer',
    'consumer',
    'admin',
    'checkers',
  ],
  attack: ['common', 'record', 'protocol', 'zk', 'client', 'producer', 'consumer', 'lab', 'simulation'],
  fuzz: ['common', 'record', 'protocol', 'log', 'zk', 'broker', 'simulation'],
  cli: [
    'common',
    'host',
    'record',
    'protocol',
    'network',
    'log',
    'zk',
    'broker',
    'client',
    'producer',
    'consumer',
    'admin',
    'checkers',
    'lab',
    'simulation',
    'attack',
    'fuzz',
  ],
};

/** Where Node's own clock, chance, files, sockets and processes may be used. */
const OUTSIDE_THE_HOST = [
  'src/host/',
  'src/cli/',
  'src/lab/',
  'src/zk/zookeeper-library.ts',
  'src/index.ts',
  'src/simulation/world.ts',
];
const BYPASSES: readonly [RegExp, string][] = [
  [/from 'node:(fs|net|child_process|os|timers|dgram|http)/, 'host.disk or host.network'],
  [/\bDate\.now\(|new Date\(|performance\.now\(/, 'host.clock'],
  [/\bMath\.random\(|crypto\.random/, 'host.random'],
  [/\bset(Timeout|Interval|Immediate)\(/, 'host.clock.schedule'],
  [/\bprocess\./, 'the host'],
];
const PURE = [
  /src\/controller\/(election|controller-context|partition-state-machine|replica-state-machine|broker-request-batch)\.ts/,
  /src\/broker\/(partition-state|isr-state)\.ts/,
  /src\/log\/(leader-epoch-cache|producer-state|retention|log-validator|log-config)\.ts/,
  /src\/protocol\//,
  /src\/record\/(?!zstd)/,
  /src\/producer\/(partitioner|transaction-manager|interceptors|producer-record)\.ts/,
  /src\/common\/serialization\.ts/,
  /src\/consumer\/subscription-state\.ts/,
  /src\/zk\/(znodes|replica-assignment)\.ts/,
  /src\/fuzz\//,
  /src\/attack\/(wire-node|base-request|hostile-(values|batches|requests)|judge|latencies|report)\.ts/,
  /src\/common\/(errors|cluster-types|config-def)\.ts/,
];

function files(directory: string): string[] {
  return fs.readdirSync(path.join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const name = `${directory}/${entry.name}`;
    return entry.isDirectory() ? files(name) : entry.name.endsWith('.ts') ? [name] : [];
  });
}

const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const sources = files('src');
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, '')).replace(/\/\/.*$/gm, '');

function imports(file: string): string[] {
  return [...read(file).matchAll(/from '(\.[^']*)'/g)].map((match) =>
    path.join(path.dirname(file), match[1]!),
  );
}

function complain(what: (file: string) => string[], list: readonly string[] = sources): string[] {
  return list.flatMap((file) => what(file).map((problem) => `${file}: ${problem}`));
}

test('imports between the folders of src go one way', () => {
  const folderOf = (file: string) => file.split('/')[1]!;
  const problems = complain((file) =>
    imports(file).flatMap((target) => {
      const from = folderOf(file);
      const to = folderOf(target);
      if (['src/index.ts', 'src/package-settings.ts'].includes(file) || from === to) return [];
      return ALLOWED[from]?.includes(to) ? [] : [`may not import ${target}`];
    }),
  );
  expect(problems).toEqual([]);
  const unknown = sources.map(folderOf).filter((folder) => !folder.endsWith('.ts') && !(folder in ALLOWED));
  expect(unknown).toEqual([]);
});

test('the controller is imported by broker.ts alone', () => {
  expect(
    complain((file) =>
      file.startsWith('src/broker/') &&
      file !== 'src/broker/broker.ts' &&
      imports(file).some((target) => target.startsWith('src/controller'))
        ? ['imports the controller']
        : [],
    ),
  ).toEqual([]);
});

test('no file imports itself in a circle', () => {
  const graph = new Map(sources.map((file) => [file, imports(file).map((target) => `${target}.ts`)]));
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    if (state.get(file) === 'open') circles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (state.has(file)) return;
    state.set(file, 'open');
    for (const target of graph.get(file) ?? []) visit(target, [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of sources) visit(file, []);
  // A type-only pair inside one folder: the context names the states of the machines that work on it.
  expect(
    circles.filter(
      (circle) => !/controller-context\.ts → .*-state-machine\.ts → .*controller-context\.ts/.test(circle),
    ),
  ).toEqual([]);
});

test('time, chance, files, sockets and the process come from the host', () => {
  const inside = sources.filter((file) => !OUTSIDE_THE_HOST.some((prefix) => file.startsWith(prefix)));
  expect(
    complain(
      (file) =>
        BYPASSES.flatMap(([pattern, instead]) =>
          pattern.test(withoutComments(read(file))) ? [`${pattern.source}: use ${instead}`] : [],
        ),
      inside,
    ),
  ).toEqual([]);
});

test('pure files neither wait nor touch the host', () => {
  const pure = sources.filter((file) => PURE.some((pattern) => pattern.test(file)));
  expect(pure.length).toBeGreaterThan(20);
  expect(
    complain(
      (file) =>
        /\basync\b|\bawait\b|\bPromise</.test(withoutComments(read(file))) ? ['is asynchronous'] : [],
      pure,
    ),
  ).toEqual([]);
});

test('every file opens with its idea', () => {
  expect(complain((file) => (read(file).startsWith('/**') ? [] : ['has no opening comment']))).toEqual([]);
});

test('files stay short enough to see', () => {
  const lengths = sources.map((file) => [file, read(file).split('\n').length] as const);
  const tooLong = lengths.filter(([file, lines]) => lines > (LONG_FILES[file] ?? MAX_FILE_LINES));
  expect(tooLong).toEqual([]);
  const isListed = (file: string) => lengths.some(([name, lines]) => name === file && lines > MAX_FILE_LINES);
  expect(Object.keys(LONG_FILES).filter((file) => !isListed(file))).toEqual([]);
});

test('types are not given up, and nothing is left unfinished', () => {
  const patterns: readonly RegExp[] = [
    /: any\b/,
    /\bas any\b/,
    /<any>/,
    /@ts-(ignore|nocheck)/,
    /\b(TODO|FIXME|XXX|HACK)\b/,
  ];
  expect(
    complain((file) =>
      patterns.filter((pattern) => pattern.test(read(file))).map((pattern) => pattern.source),
    ),
  ).toEqual([]);
});

test('no folder is a drawer', () => {
  expect(
    fs
      .readdirSync(path.join(ROOT, 'src'))
      .filter((name) => /^(utils?|helpers?|managers|types|misc)$/.test(name)),
  ).toEqual([]);
  expect(sources.filter((file) => file.endsWith('/index.ts') && file !== 'src/index.ts')).toEqual([]);
});

test('tests do not sleep, skip or run alone', () => {
  const tests = files('test').filter((file) => file.endsWith('.test.ts') && file !== 'test/tidy.test.ts');
  const patterns: readonly RegExp[] = [
    /\b(test|it|describe)\.(only|skip|todo)\(/,
    /setTimeout\(\s*(resolve|done|r)\b/,
  ];
  expect(
    complain(
      (file) => patterns.filter((pattern) => pattern.test(read(file))).map((pattern) => pattern.source),
      tests,
    ),
  ).toEqual([]);
});
