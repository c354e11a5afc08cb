/**
 * What a user's action does to a real cluster. To its processes: `Processes`. To its topics: what an
 * administrator's tools do, on a connection of its own that is opened for it and closed. The lab's own
 * producers and consumers are the programs of the virtual cluster, on this machine.
 */
import { messageOf } from '../../../src/common/errors';
import { Host } from '../../../src/common/host';
import { validateTopicConfig } from '../../../src/log/log-config';
import { realZooKeeper } from '../../../src/zk/real-zookeeper';
import { createTopic } from '../../../src/zk/topic-creation';
import { alterTopicConfig, readTopicConfig, readTopicNames } from '../../../src/zk/topic-store';
import { ZkConnection } from '../../../src/zk/zk-connection';
import { preferredElectionZnode } from '../../../src/zk/znodes';
import { LabConsumer } from '../../engine/lab-consumer';
import { ClientContext, LabProducer } from '../../engine/lab-producer';
import { Action, BrokerAction, BROKER_ACTIONS } from '../../shared/run';
import { EventHub } from '../event-hub';
import { BrokerBook } from './broker-book';
import { Processes, Refusal } from './processes';
import { RealChecks } from './real-checks';
import { Leadership } from './replica-book';

const ZK_OPTIONS = { sessionTimeoutMs: 10_000, connectTimeoutMs: 10_000, maxInFlightRequests: 64 };
const MAX_CLIENTS = 20;

type Of<W extends Action['what']> = Extract<Action, { readonly what: W }>;

export interface RealCommandsDeps {
  readonly host: Host;
  readonly hub: EventHub;
  readonly connect: string;
  readonly book: BrokerBook;
  readonly processes: Processes;
  readonly clients: ClientContext;
  readonly checks: RealChecks;
  readonly stateOf: (topic: string, partition: number) => Leadership | undefined;
}

const isBrokerAction = (action: Action): action is Of<BrokerAction> =>
  (BROKER_ACTIONS as readonly string[]).includes(action.what);

export class RealCommands {
  readonly producers = new Map<string, LabProducer>();
  readonly consumers = new Map<string, LabConsumer>();

  constructor(private readonly deps: RealCommandsDeps) {}

  async perform(action: Action): Promise<Refusal> {
    try {
      return await this.dispatch(action);
    } catch (error) {
      return messageOf(error);
    }
  }

  private dispatch(action: Action): Promise<Refusal> | Refusal {
    const { processes } = this.deps;
    const never = processes.cannot[action.what];
    if (never !== undefined) return never;
    if (isBrokerAction(action)) return processes.toBroker(action.what, action.broker);
    switch (action.what) {
      case 'cut-link':
        return processes.cut(action.from, action.to, action.isOneWay);
      case 'heal-link':
        return processes.heal(action.from, action.to);
      case 'heal-all':
        return processes.healAll();
      case 'zookeeper-down':
      case 'zookeeper-up':
        return processes.setZooKeeperDown(action.what === 'zookeeper-down');
      case 'set-broker':
        return processes.setBroker(action.broker, action.name, action.value);
      case 'create-topic':
        return this.createTopic(action);
      case 'set-topic':
        return this.setTopic(action);
      case 'preferred-election':
        return this.preferredElection(action);
      default:
        return this.toClient(action);
    }
  }

  private toClient(action: Action): Refusal {
    switch (action.what) {
      case 'produce':
        return this.produce(action);
      case 'start-producer':
        return this.startProducer(action);
      case 'stop-producer':
        return stop(this.producers.get(action.producer), action.producer);
      case 'start-consumer':
        return this.startConsumer(action);
      case 'stop-consumer':
        return stop(this.consumers.get(action.consumer), action.consumer);
      default:
        return `${action.what} cannot be done to real processes.`;
    }
  }

  private async withZooKeeper<T>(work: (zk: ZkConnection) => Promise<T>): Promise<T> {
    const { host, connect } = this.deps;
    const zk = await ZkConnection.open(host, realZooKeeper(host, connect), ZK_OPTIONS);
    try {
      return await work(zk);
    } finally {
      await zk.close();
    }
  }

  private createTopic({ topic, assignment, settings }: Of<'create-topic'>): Promise<Refusal> {
    const { host, book } = this.deps;
    return this.withZooKeeper(async (zk) => {
      if ((await readTopicNames(zk)).includes(topic)) return `Topic ${topic} exists already.`;
      const stranger = assignment.flat().find((id) => !book.ids.includes(id));
      if (stranger !== undefined) return `There is no broker ${stranger}.`;
      const replicas = new Map(assignment.map((ids, partition) => [partition, ids] as const));
      const wanted = {
        name: topic,
        partitions: -1,
        replicationFactor: -1,
        assignment: replicas,
        configs: settings,
      };
      await createTopic(zk, host.random, wanted, {
        validateConfig: validateTopicConfig,
        validateOnly: false,
      });
      return undefined;
    });
  }

  private setTopic({ topic, name, value }: Of<'set-topic'>): Promise<Refusal> {
    return this.withZooKeeper(async (zk) => {
      if (!(await readTopicNames(zk)).includes(topic)) return `There is no topic ${topic}.`;
      const { config } = await readTopicConfig(zk, topic);
      const { [name]: _before, ...others } = config;
      const next = value === '' ? others : { ...others, [name]: value };
      validateTopicConfig(next);
      await alterTopicConfig(zk, topic, next);
      return undefined;
    });
  }

  private preferredElection({ topic, partition }: Of<'preferred-election'>): Promise<Refusal> | Refusal {
    if (!this.deps.stateOf(topic, partition)) return `There is no partition ${topic}-${partition}.`;
    const data = preferredElectionZnode.encode([{ topic, partition }]);
    return this.withZooKeeper(async (zk) => {
      await zk.create(preferredElectionZnode.path, data);
      return undefined;
    });
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
    return undefined;
  }

  private startProducer({ what: _what, producer, ...plan }: Of<'start-producer'>): Refusal {
    if (this.producers.get(producer)?.isRunning) return `Producer ${producer} is running already.`;
    if (this.producers.size >= MAX_CLIENTS) return `There are ${MAX_CLIENTS} producers already.`;
    this.producers.set(producer, new LabProducer(this.deps.clients, { name: producer, ...plan }));
    this.deps.checks.producerStarts(producer, plan.acks);
    return undefined;
  }

  private startConsumer({ what: _what, consumer, ...plan }: Of<'start-consumer'>): Refusal {
    if (this.consumers.get(consumer)?.isRunning) return `Consumer ${consumer} is running already.`;
    if (this.consumers.size >= MAX_CLIENTS) return `There are ${MAX_CLIENTS} consumers already.`;
    this.consumers.set(consumer, new LabConsumer(this.deps.clients, { name: consumer, ...plan }));
    return undefined;
  }

  /** Tells what has changed of the programs. */
  look(): void {
    for (const one of this.producers.values()) one.look();
    for (const one of this.consumers.values()) one.look();
  }

  stopAll(): void {
    for (const one of [...this.producers.values(), ...this.consumers.values()]) one.stop();
  }
}

function stop(client: LabProducer | LabConsumer | undefined, name: string): Refusal {
  if (!client?.isRunning) return `${name} is not running.`;
  client.stop();
  return undefined;
}
