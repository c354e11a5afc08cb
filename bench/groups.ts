/**
 * What many members cost: memory of a connection and the latency of a probe with 5,000 connected consumers on
 * one broker; and how long a group of 100 members and 1,000 partitions takes to rebalance, beside Kafka's.
 *
 *   ./bench/run groups [--consumers N] [--members N] [--partitions N]
 *
 * Kafka's group has as many members in one Java process's threads; here they are clients of one Node process.
 */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { nodeHost, silentLog } from '../src/host/node-host';
import { Consumer } from '../src/index';
import { until } from '../src/lab/wait';
import { RpcConnection } from '../src/network/rpc-connection';
import { findCoordinator, heartbeat } from '../src/protocol/messages/groups';
import { metadata } from '../src/protocol/messages/metadata';
import { option } from './measured';
import { Kafka, Samsa, System } from './systems';

const ROOT = path.join(__dirname, '../..');
const CONSUMERS = Number(option('consumers', '5000'));
const MEMBERS = Number(option('members', '100'));
const PARTITIONS = Number(option('partitions', '1000'));
const PROBES = 1000;

async function withSystem<S extends System>(
  make: (directory: string) => S,
  work: (system: S, directory: string) => Promise<void>,
): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-'));
  const system = make(directory);
  await system.startZooKeeper();
  try {
    await system.startBrokers(1);
    await work(system, directory);
  } finally {
    await system.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * As many open connections, each of which has asked for metadata and a heartbeat; then one more client's
 * round trips.
 */
async function connections(system: Samsa): Promise<void> {
  const host = nodeHost({ name: 'bench', log: silentLog });
  const [hostName, port] = system.bootstrap.split(':') as [string, string];
  const address = { host: hostName, port: Number(port) };
  const beforeMb = system.residentMb(1);
  const open: RpcConnection[] = [];
  for (let i = 0; i < CONSUMERS; i += 100) {
    open.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(100, CONSUMERS - i) }, () =>
          RpcConnection.open(host, address, { clientId: 'idle', requestTimeoutMs: 60000 }),
        ),
      )),
    );
  }
  await Promise.all(
    open.map((connection) =>
      connection.request(metadata, { topics: [], allTopics: false, allowAutoTopicCreation: false }),
    ),
  );
  const withMb = system.residentMb(1);
  console.log(
    `${CONSUMERS} connections: ${(withMb - beforeMb).toFixed(0)} MB more, ` +
      `${(((withMb - beforeMb) * 1024) / CONSUMERS).toFixed(1)} KB each`,
  );
  // Every one of them sends a heartbeat each 3 s, as consumers do.
  const beat = setInterval(() => {
    for (const connection of open.splice(0, Math.ceil(CONSUMERS / 30)).map((one) => (open.push(one), one))) {
      void connection
        .request(heartbeat, { groupId: 'none', generationId: 0, memberId: 'm', groupInstanceId: null })
        .catch(() => {});
    }
  }, 100);
  const probe = await RpcConnection.open(host, address, { clientId: 'probe', requestTimeoutMs: 60000 });
  const times: number[] = [];
  for (let i = 0; i < PROBES; i++) {
    const beganMs = performance.now();
    await probe.request(findCoordinator, { key: `group-${i}`, keyType: 0 });
    times.push(performance.now() - beganMs);
  }
  clearInterval(beat);
  times.sort((a, b) => a - b);
  console.log(
    `probe among them: p50 ${times[PROBES / 2]!.toFixed(2)} ms, p99 ` +
      `${times[Math.floor(PROBES * 0.99)]!.toFixed(2)} ms`,
  );
  for (const connection of [...open, probe]) connection.close();
}

const many = () => new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, [1]] as const));

async function samsaGroup(system: Samsa): Promise<void> {
  await system.createTopic('many', many());
  const beganMs = performance.now();
  const consumers = Array.from(
    { length: MEMBERS },
    (_, i) =>
      new Consumer({
        'bootstrap.servers': system.bootstrap,
        'group.id': 'big',
        'client.id': `m${i}`,
        'heartbeat.interval.ms': 1000,
      }),
  );
  await Promise.all(consumers.map((consumer) => consumer.subscribe(['many'])));
  let stop = false;
  let left = false;
  const loops = consumers.map(async (consumer, i) => {
    while (!stop && !(i === 0 && left)) await consumer.poll(200);
  });
  const share = PARTITIONS / MEMBERS;
  const shared = (live: readonly Consumer[]) =>
    live.reduce((sum, consumer) => sum + consumer.assignment().length, 0) === PARTITIONS;
  await until(
    'all partitions assigned',
    () =>
      shared(consumers) && consumers.every((consumer) => consumer.assignment().length >= Math.floor(share)),
  );
  console.log(
    `samsa: ${MEMBERS} members, ${PARTITIONS} partitions: ${(performance.now() - beganMs).toFixed(0)} ms ` +
      `from nothing to all assigned`,
  );
  const leftMs = performance.now();
  left = true;
  await loops[0];
  await consumers[0]!.close();
  await until('all partitions assigned again', () => shared(consumers.slice(1)));
  console.log(
    `samsa: one member leaves: ${(performance.now() - leftMs).toFixed(0)} ms until all is assigned again`,
  );
  stop = true;
  await Promise.all(loops.slice(1));
  await Promise.all(consumers.slice(1).map((consumer) => consumer.close()));
}

const JAVA = `
import org.apache.kafka.clients.consumer.*;
import java.time.Duration;
import java.util.*;
public class Members {
  public static void main(String[] a) throws Exception {
    int members = Integer.parseInt(a[1]), partitions = Integer.parseInt(a[2]);
    List<Thread> threads = new ArrayList<>();
    int[] owned = new int[members];
    boolean[] leave = new boolean[members];
    long began = System.nanoTime();
    for (int i = 0; i < members; i++) {
      final int n = i;
      Thread t = new Thread(() -> {
        Properties p = new Properties();
        p.put("bootstrap.servers", a[0]); p.put("group.id", "big"); p.put("heartbeat.interval.ms", "1000");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"); p.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        KafkaConsumer<byte[], byte[]> c = new KafkaConsumer<>(p);
        c.subscribe(Collections.singletonList("many"));
        while (!leave[n]) { c.poll(Duration.ofMillis(200)); owned[n] = c.assignment().size(); }
        c.close(); owned[n] = 0;
      });
      t.setDaemon(true); t.start(); threads.add(t);
    }
    await(owned, partitions, partitions / members);
    System.out.println("start " + (System.nanoTime() - began) / 1000000);
    began = System.nanoTime(); leave[0] = true; threads.get(0).join();
    owned[0] = 0; await(owned, partitions, 0);
    System.out.println("leave " + (System.nanoTime() - began) / 1000000);
    System.exit(0);
  }
  static void await(int[] owned, int partitions, int least) throws Exception {
    for (;;) { int sum = 0, min = Integer.MAX_VALUE; for (int o : owned) { sum += o; min = Math.min(min, o); } if (sum == partitions && min >= least) return; Thread.sleep(5); }
  }
}`;

async function kafkaGroup(system: Kafka, directory: string): Promise<void> {
  await system.createTopic('many', many());
  const source = path.join(directory, 'Members.java');
  fs.writeFileSync(source, JAVA);
  const libs = `${ROOT}/.samsa/kafka-2.8.2/*`;
  const compiled = spawnSync('javac', ['-cp', libs, '-d', directory, source], { encoding: 'utf8' });
  if (compiled.status !== 0) throw new Error(compiled.stderr);
  const out = await new Promise<string>((resolve, reject) => {
    let text = '';
    const child = spawn(
      'java',
      [
        '-Xmx1G',
        '-cp',
        `${directory}:${libs}`,
        'Members',
        system.bootstrap,
        String(MEMBERS),
        String(PARTITIONS),
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    child.on('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`Members ended with ${code}`)),
    );
  });
  const [start, leave] = out
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[1]);
  console.log(
    `kafka: ${MEMBERS} members, ${PARTITIONS} partitions: ${start} ms from nothing to all assigned`,
  );
  console.log(`kafka: one member leaves: ${leave} ms until all is assigned again`);
}

async function main(): Promise<void> {
  await withSystem((directory) => new Samsa(directory), connections);
  await withSystem((directory) => new Kafka(directory), kafkaGroup);
  await withSystem((directory) => new Samsa(directory), samsaGroup);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
