/**
 * What a user's action does to the cluster. An action that is impossible now changes nothing; `perform`
 * returns why, as one sentence.
 *
 * Everything happens at once or as actions of the simulation, so a run with the same actions is the same run.
 */
import { messageOf } from '../../src/common/errors';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { alterTopicConfig, readTopicConfig } from '../../src/zk/topic-store';
import { ZkConnection } from '../../src/zk/zk-connection';
import { preferredElectionZnode } from '../../src/zk/znodes';
import { parseBrokerConfig } from '../../src/broker/broker-config';
import { linkName } from '../shared/events';
import { Action, BrokerAction, ZOOKEEPER } from '../shared/run';
import { BrokerWatch } from './broker-watch';
import { InFlight } from './in-flight';
import { LabConsumer } from './lab-consumer';
import { ClientContext, LabProducer } from './lab-producer';
import { OldConsumer } from './old-consumer';
import { MessageFaults } from './message-faults';

const ZK_OPTIONS = { sessionTimeoutMs: 6000, connectTimeoutMs: 30_000, maxInFlightRequests: 64 };
const MAX_CLIENTS = 20;

type Of<W extends Action['what']> = Extract<Action, { readonly what: W }>;
type Refusal = string | undefined;

export interface VirtualContext extends ClientContext {
  readonly cluster: SimCluster;
}

export class Commands {
  readonly producers = new Map<string, LabProducer>();
  readonly consumers = new Map<string, LabConsumer | OldConsumer>();
  private readonly cuts = new Map<string, { from: string; to: string }>();
  private readonly slow = new Map<string, { from: string; to: string }>();
  private readonly overrides = new Map<number, Record<string, string>>();
  private readonly cluster: SimCluster;

  constructor(
    private readonly context: VirtualContext,
    private readonly brokers: BrokerWatch,
    private readonly flights: InFlight,
    private readonly messages: MessageFaults,
  ) {
    this.cluster = context.cluster;
  }

  /** Returns why it is impossible; undefined: it is done, or under way. */
  perform(action: Action): Refusal {
    switch (action.what) {
      case 'cut-link':
        return this.cutLink(action);
      case 'heal-link':
        return this.healLink(action);
      case 'slow-link':
        return this.slowLink(action);
      case 'drop-message':
        return this.messages.drop(action.message);
      case 'delay-message':
        return this.messages.delay(action.message, action.delayMs);
      case 'duplicate-message':
        return this.messages.duplicate(action.message);
      case 'heal-all':
        return this.healAll();
      case 'zookeeper-down':
      case 'zookeeper-up':
        return this.zookeeper(action.what === 'zookeeper-down');
      case 'produce':
        return this.produce(action);
      case 'start-producer':
        return this.startProducer(action);
      case 'stop-producer':
        return this.stop(this.producers.get(action.producer), action.producer);
      case 'start-consumer':
        return this.startConsumer(action);
      case 'stop-consumer':
        return this.stop(this.consumers.get(action.consumer), action.consumer);
      case 'kill-consumer':
        return this.killConsumer(action.consumer);
      case 'create-topic':
        return this.createTopic(action);
      case 'preferred-election':
        return this.preferredElection(action);
      case 'set-topic':
        return this.setTopic(action);
      case 'set-broker':
        return this.setBroker(action);
      default:
        return this.toBroker(action.what, action.broker);
    }
  }

  private toBroker(what: BrokerAction, id: number): Refusal {
    const one = this.cluster.brokers[id - 1];
    if (!one) return `There is no broker ${id}.`;
    const {
      host: { life, isPaused },
      isStarted,
    } = one;
    if (what === 'start') return life.isDead ? this.start(id) : `Broker ${id} is running already.`;
    if (what === 'fill-disk' || what === 'fail-disk') return this.failDisk(id, what === 'fill-disk');
    if (what === 'mend-disk') return this.mendDisk(id);
    if (life.isDead) return `Broker ${id} is not running.`;
    switch (what) {
      case 'kill':
        return void this.cluster.kill(id);
      case 'power-cut':
        return void this.cluster.powerCut(id);
      case 'pause':
        return isPaused ? `Broker ${id} is paused already.` : void this.cluster.pause(id);
      case 'resume':
        return isPaused ? void this.cluster.resume(id) : `Broker ${id} is not paused.`;
      case 'terminate':
        if (!isStarted) return `Broker ${id} is still starting.`;
        this.brokers.isStopping(id);
        return void this.cluster.terminate(id);
      case 'expire-session':
        return this.expireSession(id, isStarted);
    }
  }

  private start(id: number): Refusal {
    try {
      return void this.cluster.start(id, this.overrides.get(id));
    } catch (error) {
      return `Broker ${id} does not start: ${messageOf(error)}`;
    }
  }

  private expireSession(id: number, isStarted: boolean): Refusal {
    if (!isStarted) return `Broker ${id} is still starting.`;
    if (this.cluster.zookeeper.sessionsOf(`broker-${id}`).length === 0) return `Broker ${id} has no session.`;
    return void this.cluster.expireSession(id);
  }

  private failDisk(id: number, isFull: boolean): Refusal {
    this.cluster.failDisk(id, isFull ? 'ENOSPC' : 'EIO', this.cluster.logDirsOf(id)[0]!);
    this.brokers.diskFailed(id, isFull ? 'full' : 'failed');
    return undefined;
  }

  private mendDisk(id: number): Refusal {
    this.cluster.mendDisk(id);
    this.brokers.diskFailed(id, undefined);
    return undefined;
  }

  private hasHost(name: string): boolean {
    const isBroker = this.cluster.brokers.some(({ host }) => host.name === name);
    return isBroker || name === ZOOKEEPER || this.cluster.clientHosts.includes(name);
  }

  private setCut(from: string, to: string, isCut: boolean): void {
    if (this.cuts.has(linkName(from, to)) === isCut) return;
    if (isCut) this.cluster.network.cut(from, to);
    else this.cluster.network.heal(from, to);
    if (isCut) this.cuts.set(linkName(from, to), { from, to });
    else this.cuts.delete(linkName(from, to));
    this.context.log.see('simulation', { what: 'link', from, to, isCut });
  }

  private cutLink({ from, to, isOneWay }: Of<'cut-link' | 'heal-link'>): Refusal {
    for (const name of [from, to]) if (!this.hasHost(name)) return `There is no host ${name}.`;
    if (from === to) return 'A host has no link to itself.';
    const isOpen = [linkName(from, to), ...(isOneWay ? [] : [linkName(to, from)])].some(
      (name) => !this.cuts.has(name),
    );
    if (!isOpen) return `The link from ${from} to ${to} is cut already.`;
    this.setCut(from, to, true);
    if (!isOneWay) this.setCut(to, from, true);
    return undefined;
  }

  private healLink({ from, to, isOneWay }: Of<'cut-link' | 'heal-link'>): Refusal {
    const isCut = this.cuts.has(linkName(from, to)) || (!isOneWay && this.cuts.has(linkName(to, from)));
    if (!isCut) return `The link from ${from} to ${to} is not cut.`;
    this.setCut(from, to, false);
    if (!isOneWay) this.setCut(to, from, false);
    return undefined;
  }

  /** Of what goes to ZooKeeper each request is late; what it sends is not. */
  private slowLink({ from, to, isOneWay, delayMs }: Of<'slow-link'>): Refusal {
    for (const name of [from, to]) if (!this.hasHost(name)) return `There is no host ${name}.`;
    if (from === to) return 'A host has no link to itself.';
    const ways = isOneWay
      ? [[from, to]]
      : [
          [from, to],
          [to, from],
        ];
    for (const [a, b] of ways) this.setSlow(a!, b!, delayMs);
    return undefined;
  }

  private setSlow(from: string, to: string, delayMs: number): void {
    this.flights.slowDown(from, to, delayMs);
    if (delayMs > 0) this.slow.set(linkName(from, to), { from, to });
    else this.slow.delete(linkName(from, to));
    this.context.log.see('simulation', { what: 'slow-link', from, to, delayMs });
  }

  /** Links, pauses, disks and ZooKeeper; who is dead stays dead. */
  private healAll(): Refusal {
    for (const { from, to } of [...this.cuts.values()]) this.setCut(from, to, false);
    for (const { from, to } of [...this.slow.values()]) this.setSlow(from, to, 0);
    this.cluster.healLinks();
    for (const { id } of this.cluster.brokers) this.brokers.diskFailed(id, undefined);
    return undefined;
  }

  private zookeeper(isDown: boolean): Refusal {
    if (this.cluster.zookeeper.isDown === isDown) return `ZooKeeper is ${isDown ? 'down' : 'up'} already.`;
    this.cluster.setZooKeeperDown(isDown);
  }

  private produce({ producer, partition, key, value, count }: Of<'produce'>): Refusal {
    const one = this.producers.get(producer);
    if (!one?.isRunning) return `There is no producer ${producer}.`;
    const wish = {
      ...(partition === null ? {} : { partition }),
      ...(key === null ? {} : { key }),
      ...(value === null ? {} : { value }),
    };
    for (let i = 0; i < count; i++) one.send(wish);
  }

  private startProducer({ what: _what, producer, ...plan }: Of<'start-producer'>): Refusal {
    if (this.producers.get(producer)?.isRunning) return `Producer ${producer} is running already.`;
    if (this.producers.size >= MAX_CLIENTS) return `There are ${MAX_CLIENTS} producers already.`;
    return this.refusing(() =>
      this.producers.set(producer, new LabProducer(this.context, { name: producer, ...plan })),
    );
  }

  private startConsumer({ what: _what, consumer, ...plan }: Of<'start-consumer'>): Refusal {
    if (this.consumers.get(consumer)?.isRunning) return `Consumer ${consumer} is running already.`;
    if (this.consumers.size >= MAX_CLIENTS) return `There are ${MAX_CLIENTS} consumers already.`;
    const Program = plan.era === '0.8' ? OldConsumer : LabConsumer;
    return this.refusing(() =>
      this.consumers.set(consumer, new Program(this.context, { name: consumer, ...plan })),
    );
  }

  /** What throws, as for a bad setting, is the reason. */
  private refusing(work: () => unknown): Refusal {
    try {
      work();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  private stop(client: LabProducer | LabConsumer | OldConsumer | undefined, name: string): Refusal {
    if (!client?.isRunning) return `${name} is not running.`;
    client.stop();
  }

  private killConsumer(name: string): Refusal {
    const consumer = this.consumers.get(name);
    if (!consumer?.isRunning) return `${name} is not running.`;
    consumer.kill();
  }

  private createTopic({ topic, assignment, settings }: Of<'create-topic'>): Refusal {
    if (this.cluster.existsTopic(topic)) return `Topic ${topic} exists already.`;
    const known = this.cluster.brokers.length;
    const stranger = assignment.flat().find((id) => id > known);
    if (stranger !== undefined) return `There is no broker ${stranger}.`;
    if (assignment.some((ids) => new Set(ids).size < ids.length))
      return 'A partition has one replica on a broker.';
    const replicas = new Map(assignment.map((ids, partition) => [partition, ids] as const));
    this.later('create-topic', this.cluster.createTopic(topic, replicas, settings));
  }

  private preferredElection(tp: Of<'preferred-election'>): Refusal {
    const { topic, partition } = tp;
    if (!this.cluster.stateOf({ topic, partition })) return `There is no partition ${topic}-${partition}.`;
    const data = preferredElectionZnode.encode([{ topic, partition }]);
    this.later(
      'preferred-election',
      this.withZooKeeper((zk) => zk.create(preferredElectionZnode.path, data)),
    );
  }

  private setTopic({ topic, name, value }: Of<'set-topic'>): Refusal {
    if (!this.cluster.existsTopic(topic)) return `There is no topic ${topic}.`;
    this.later(
      'set-topic',
      this.withZooKeeper(async (zk) => {
        const { config } = await readTopicConfig(zk, topic);
        const { [name]: _before, ...others } = config;
        // An empty value: the topic has the broker's again.
        await alterTopicConfig(zk, topic, value === '' ? others : { ...others, [name]: value });
      }),
    );
  }

  private setBroker({ broker, name, value }: Of<'set-broker'>): Refusal {
    if (!this.cluster.brokers[broker - 1]) return `There is no broker ${broker}.`;
    const settings = { ...this.overrides.get(broker), [name]: value };
    const problem = this.refusing(() =>
      parseBrokerConfig({ 'zookeeper.connect': 'zookeeper:2181', ...settings }),
    );
    if (problem !== undefined) return problem;
    this.overrides.set(broker, settings);
  }

  private async withZooKeeper(work: (zk: ZkConnection) => Promise<unknown>): Promise<void> {
    const { host, zookeeper } = this.cluster.environment();
    const zk = await ZkConnection.open(host, zookeeper(''), ZK_OPTIONS);
    await work(zk).finally(() => zk.close());
  }

  /** An administrator's work: its failure is a happening. */
  private later(what: string, work: Promise<void>): void {
    work.catch((error) =>
      this.context.log.happened('user', 'command-failed', { command: what, error: messageOf(error) }),
    );
  }
}
