/** Pages that can drift are held to what they describe. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { generatedPages } from '../src/cli/docs';
import { buildProgram } from '../src/cli/main';
import { journeyRecord } from '../src/cli/record-journey';
import { encodeAssignment, encodeSubscription } from '../src/protocol/consumer-protocol';
import { RecordBatch } from '../src/record/record-batch';
import { bringUp, openProducer, TP } from './support/sim';
import { stories } from '../src/lab/stories/all-stories';

const ROOT = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');

test.each(Object.keys(generatedPages))('docs/%s is what its tables say (else: npm run docs)', (name) => {
  expect(read(`docs/${name}`)).toBe(generatedPages[name]!());
});

test('the bytes that the page for writers of clients shows are those that our own clients write', () => {
  const page = read('docs/writing-a-client.md');
  const hex = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '$& ').trim();
  const tps = [
    { topic: 't', partition: 0 },
    { topic: 't', partition: 2 },
  ];
  expect(page).toContain(hex(encodeSubscription({ topics: ['t'], userData: null, ownedPartitions: [] })));
  expect(page).toContain(hex(encodeAssignment({ partitions: tps, userData: null })));
});

test('every story has its lesson, and every lesson points at lines that exist', () => {
  for (const story of stories) {
    const lesson = read(`docs/lessons/${story.name}.md`);
    expect(lesson.replace(/\s+/g, ' ')).toContain(story.question);
    const links = [...lesson.matchAll(/`(src\/[^`#]+)#([^`]+)`/g)];
    expect(links.length).toBeGreaterThan(1);
    for (const [, file, symbol] of links)
      expect([file, symbol, read(file!).includes(symbol!)]).toEqual([file, symbol, true]);
  }
});

test('every link between pages leads somewhere', () => {
  const pages = [
    'README.md',
    'SECURITY.md',
    ...['docs', 'docs/lessons', 'docs/decisions'].flatMap((folder) =>
      fs
        .readdirSync(path.join(ROOT, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`),
    ),
  ];
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)]
      .filter(([, target]) => !fs.existsSync(path.join(ROOT, path.dirname(page), target!)))
      .map(([, target]) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('every command the README shows exists', () => {
  const commands = buildProgram().commands.map((command) => command.name());
  for (const [, name] of read('README.md').matchAll(/bin\/samsa ([a-z-]+)/g))
    expect(commands).toContain(name);
  for (const [, name] of read('README.md').matchAll(/\.\/scripts\/([a-z-]+)/g))
    expect(fs.existsSync(path.join(ROOT, 'scripts', name!))).toBe(true);
});

test('nothing in the project says where it was made', () => {
  expect(JSON.parse(read('package.json')).license).toBe('Apache-2.0');
  expect(read('package-lock.json')).not.toContain('"resolved": "http');
});

test('the bytes of the page that follows a record are those a producer sends and a broker writes', async () => {
  const cluster = await bringUp('journey', 1, [1]);
  const producer = await openProducer(cluster);
  const { timestamp, key, value, headers } = journeyRecord;
  const { offset } = await cluster.world.complete(
    producer.send({ ...TP, timestamp, key, value, headers }),
    30000,
    'sending',
  );
  const { disk } = cluster.broker(1).host;
  const path = '/data/t-0/00000000000000000000.log';
  const bytes = Buffer.alloc(disk.stat(path).size);
  disk.open(path, 'read').read(bytes, 0);
  const page = generatedPages['from-socket-to-disk.md']!();
  const [, built = ''] = /## 1\.[^]*?\| at([^]*?)## 2\./.exec(page)!;
  const expected = Buffer.from(
    [...built.matchAll(/^\| \d+ \| `([0-9a-f ]+)`/gm)].map(([, row]) => row!.replaceAll(' ', '')).join(''),
    'hex',
  );
  new RecordBatch(expected).setBaseOffset(offset);
  new RecordBatch(expected).setPartitionLeaderEpoch(0);
  expect(bytes.toString('hex')).toBe(expected.toString('hex'));
});
