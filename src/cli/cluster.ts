/**
 * `scripts/cluster up|status|kill|term|pause|resume|start|expire|down`: a cluster that keeps running, for
 * experiments.
 *
 * `up` starts detached processes and saves a list of them; the other commands read the list and send signals.
 * Ports are fixed: ZooKeeper on 2191, brokers on 9191, 9192 …
 */
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Command } from 'commander';
import { BrokerProcess } from '../lab/broker-process';
import { profiles } from '../lab/lab-cluster';
import { until } from '../lab/wait';
import { fourLetterWord, zooKeeperClasspath } from '../lab/zookeeper-process';
import { readBrokers } from '../zk/broker-registration';
import { readControllerId } from '../zk/controller-election';
import { readPartitionStates } from '../zk/partition-state-store';
import { readTopicNames, readTopics } from '../zk/topic-store';
import { action, clientHost, wholeNumber, withZooKeeper } from './command';

interface Options {
  readonly brokers: number;
  readonly profile: string;
}

interface State {
  readonly profile: string;
  readonly zookeeperPid: number;
  readonly brokers: Record<string, number>;
}

const ROOT = path.join(__dirname, '../../..');
const HOME = path.join(ROOT, '.samsa/cluster');
const STATE = path.join(HOME, 'cluster.json');
const ZK_PORT = 2191;
const CONNECT = `127.0.0.1:${ZK_PORT}`;
const FIRST_PORT = 9190;

function load(): State {
  if (!fs.existsSync(STATE)) throw new Error('no cluster is up; ./scripts/cluster up starts one');
  return JSON.parse(fs.readFileSync(STATE, 'utf8')) as State;
}

function save(state: State): void {
  fs.writeFileSync(STATE, JSON.stringify(state));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isPaused(pid: number): boolean {
  return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
    .toString()
    .startsWith('T');
}

function detached(command: string, args: readonly string[], log: string): number {
  const out = fs.openSync(log, 'a');
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, SAMSA_PARENT: '' },
  });
  child.unref();
  fs.closeSync(out);
  return child.pid!;
}

function startBroker(id: number, profile: string): number {
  const directory = path.join(HOME, `broker-${id}`);
  fs.mkdirSync(directory, { recursive: true });
  const settings = {
    ...profiles[profile]!.settings,
    'broker.id': id,
    'listeners': `PLAINTEXT://127.0.0.1:${FIRST_PORT + id}`,
    'log.dirs': path.join(directory, 'logs'),
    'zookeeper.connect': CONNECT,
  };
  const file = path.join(directory, 'server.properties');
  fs.writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return detached(
    process.execPath,
    [path.join(ROOT, 'bin/samsa'), 'server-start', file],
    path.join(directory, 'server.log'),
  );
}

async function untilRegistered(id: number, pid: number): Promise<void> {
  await withZooKeeper(clientHost('cluster'), CONNECT, (zk) =>
    until(`broker ${id}`, async () => {
      if (!alive(pid))
        throw new Error(`broker ${id} ended; see ${path.join(HOME, `broker-${id}`, 'server.log')}`);
      return (await readBrokers(zk)).some((broker) => broker.id === id);
    }),
  );
}

async function up({ brokers, profile }: Options): Promise<void> {
  if (!profiles[profile]) throw new Error(`there is no profile '${profile}'`);
  if (fs.existsSync(STATE)) throw new Error('a cluster is up already; ./scripts/cluster down ends it');
  const data = path.join(HOME, 'zookeeper');
  fs.mkdirSync(data, { recursive: true });
  fs.writeFileSync(
    path.join(data, 'zoo.cfg'),
    [
      `dataDir=${data}`,
      `clientPort=${ZK_PORT}`,
      'clientPortAddress=127.0.0.1',
      'tickTime=500',
      'minSessionTimeout=1000',
      'maxSessionTimeout=60000',
      'maxClientCnxns=0',
      'admin.enableServer=false',
      '4lw.commands.whitelist=*',
      '',
    ].join('\n'),
  );
  const zookeeperPid = detached(
    'java',
    [
      '-Xmx256m',
      '-cp',
      zooKeeperClasspath(),
      'org.apache.zookeeper.server.quorum.QuorumPeerMain',
      path.join(data, 'zoo.cfg'),
    ],
    path.join(data, 'zookeeper.log'),
  );
  save({ profile, zookeeperPid, brokers: {} });
  await until('ZooKeeper', async () => (await fourLetterWord(ZK_PORT, 'srvr')).includes('Mode:'));
  const pids = Object.fromEntries(
    Array.from({ length: brokers }, (_, i) => [i + 1, startBroker(i + 1, profile)]),
  );
  save({ profile, zookeeperPid, brokers: pids });
  for (const [id, pid] of Object.entries(pids)) await untilRegistered(Number(id), pid);
  await status();
}

async function status(): Promise<void> {
  const state = load();
  console.log(`profile ${state.profile}: ${profiles[state.profile]!.about}`);
  console.log(
    `zookeeper  pid ${state.zookeeperPid}  ${CONNECT}  ${alive(state.zookeeperPid) ? 'up' : 'down'}`,
  );
  await withZooKeeper(clientHost('cluster'), CONNECT, async (zk) => {
    const registered = (await readBrokers(zk)).map((broker) => broker.id);
    const controller = await readControllerId(zk);
    for (const [id, pid] of Object.entries(state.brokers)) {
      const process_ = !alive(pid) ? 'down' : isPaused(pid) ? 'paused' : 'up';
      console.log(
        `broker ${id}   pid ${pid}  127.0.0.1:${FIRST_PORT + Number(id)}  ${process_}, ` +
          `${registered.includes(Number(id)) ? 'registered' : 'not registered'}${
            controller === Number(id) ? ', ' + 'controller' : ''
          }`,
      );
    }
    for (const [topic, { partitions }] of await readTopics(zk, await readTopicNames(zk))) {
      const states = await readPartitionStates(
        zk,
        [...partitions.keys()].map((partition) => ({ topic, partition })),
      );
      for (const [name, { leader, isr, leaderEpoch }] of states)
        console.log(`${name}  leader ${leader}  epoch ${leaderEpoch}  isr ${isr.join(',')}`);
    }
  });
}

const SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  kill: 'SIGKILL',
  term: 'SIGTERM',
  pause: 'SIGSTOP',
  resume: 'SIGCONT',
};

async function toBroker(what: string, id: string): Promise<void> {
  const state = load();
  const pid = state.brokers[id];
  if (pid === undefined) throw new Error(`there is no broker ${id}`);
  if (what === 'start') {
    if (alive(pid)) throw new Error(`broker ${id} is running`);
    const fresh = startBroker(Number(id), state.profile);
    save({ ...state, brokers: { ...state.brokers, [id]: fresh } });
    return untilRegistered(Number(id), fresh);
  }
  if (!alive(pid)) throw new Error(`broker ${id} is not running`);
  if (what === 'expire') {
    return new BrokerProcess({
      id: Number(id),
      directory: path.join(HOME, `broker-${id}`),
      zookeeper: CONNECT,
      settings: {},
    }).expireSession();
  }
  process.kill(pid, SIGNALS[what]!);
  if (what === 'kill' || what === 'term') await until(`the end of broker ${id}`, () => !alive(pid));
}

async function down(): Promise<void> {
  const state = load();
  for (const pid of [...Object.values(state.brokers), state.zookeeperPid]) {
    if (!alive(pid)) continue;
    process.kill(pid, 'SIGKILL');
    await until(`the end of ${pid}`, () => !alive(pid));
  }
  fs.rmSync(HOME, { recursive: true, force: true });
  console.log('the cluster and its data are gone');
}

export function clusterCommand(): Command {
  const command = new Command('cluster').description('a cluster that stays, to play with');
  command.addCommand(
    new Command('up')
      .description('start it')
      .option('--brokers <n>', 'how many', wholeNumber, 3)
      .option('--profile <name>', 'classroom or authentic', 'classroom')
      .action(action<Options>(up)),
  );
  command.addCommand(new Command('status').description('who is up, who leads').action(action(status)));
  command.addCommand(new Command('down').description('end it and remove its data').action(action(down)));
  for (const [name, doc] of [
    ['kill', 'kill -9'],
    ['term', 'SIGTERM: a clean shutdown'],
    ['pause', 'SIGSTOP'],
    ['resume', 'SIGCONT'],
    ['start', 'start it again'],
    ['expire', 'end its ZooKeeper session'],
  ] as const) {
    command.addCommand(
      new Command(name)
        .description(doc)
        .argument('<id>', 'broker id')
        .action(action((_, id) => toBroker(name, id!))),
    );
  }
  return command;
}
