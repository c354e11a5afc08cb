/**
 * The administration client: manages the topics and groups of a cluster from a program.
 *
 * Kafka: clients/admin/{Admin,KafkaAdminClient}.java@2.8.2, the part of it that exists here
 */
import { ConfigOf, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { HostPort, TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import {
  ClientEnvironment,
  clientConfigTable,
  connectionPool,
  connectMetadata,
} from '../client/client-config';
import { ConnectingMetadata } from '../client/connecting-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { DeletedRecords, LogAdmin, LogDirDescription, RecordsToDelete } from './logs';
import { GroupAdmin, GroupDescription, GroupListing, GroupOffset } from './groups';
import { rpcTopicAdmin, TopicDescription } from './topics';

export const adminConfigTable = {
  ...clientConfigTable,
  'default.api.timeout.ms': setting('int', 60000, 'How long a call tries, in ms.', { min: 0 }),
} as const satisfies SettingsTable;

export interface NewTopicRequest {
  readonly name: string;
  /** The default is the broker's num.partitions. */
  readonly partitions?: number;
  /** The default is the broker's default.replication.factor. */
  readonly replicationFactor?: number;
  /** The replicas of each partition, the preferred leader first; instead of the two settings above. */
  readonly assignment?: ReadonlyMap<number, readonly number[]>;
  readonly configs?: Readonly<Record<string, string>>;
}

export class Admin {
  private readonly config: ConfigOf<typeof adminConfigTable>;
  private readonly pool: ConnectionPool;
  private readonly metadata: ConnectingMetadata;
  private readonly groups: GroupAdmin;
  private readonly logs: LogAdmin;
  private closing: Promise<void> | undefined;

  /** Throws CONFIG_EXCEPTION for an invalid setting. Connects to the cluster in the background. */
  constructor(environment: ClientEnvironment, raw: RawConfig) {
    const { host } = environment;
    this.config = parseConfig(adminConfigTable, raw, (name) =>
      host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`),
    );
    this.pool = connectionPool(host, this.config);
    this.metadata = connectMetadata(environment, this.config, this.pool, false);
    this.groups = new GroupAdmin(
      host,
      this.pool,
      this.metadata,
      this.config['default.api.timeout.ms'],
      this.config['retry.backoff.ms'],
    );
    this.logs = new LogAdmin(
      host,
      this.pool,
      this.metadata,
      this.config['default.api.timeout.ms'],
      this.config['retry.backoff.ms'],
    );
  }

  private async ready(): Promise<void> {
    if (this.closing)
      throw new KafkaError(
        'ILLEGAL_STATE',
        'Cannot perform operation after the admin client has been closed',
      );
    await this.metadata.awaitSource(this.config['default.api.timeout.ms']);
  }

  /** The first broker that accepts a connection. */
  private async anyBroker(): Promise<HostPort> {
    await this.ready();
    let last: unknown = new KafkaError('BROKER_NOT_AVAILABLE', 'no broker is registered');
    for (const broker of this.metadata.addresses()) {
      try {
        await this.pool.get(broker);
        return broker;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  /**
   * Creates a topic and waits until it has leaders. Rejects TOPIC_ALREADY_EXISTS, INVALID_REPLICATION_FACTOR
   * …
   */
  async createTopic({
    name,
    partitions = -1,
    replicationFactor = -1,
    assignment,
    configs = {},
  }: NewTopicRequest): Promise<void> {
    await rpcTopicAdmin(this.pool, await this.anyBroker()).create({
      name,
      partitions,
      replicationFactor,
      assignment,
      configs,
    });
  }

  async listTopics(): Promise<string[]> {
    return rpcTopicAdmin(this.pool, await this.anyBroker()).list();
  }

  /** Rejects UNKNOWN_TOPIC_OR_PARTITION. */
  async describeTopic(name: string): Promise<TopicDescription> {
    return rpcTopicAdmin(this.pool, await this.anyBroker()).describe(name);
  }

  /** All groups; with `states` only those in one of these states. */
  async listConsumerGroups(states: readonly string[] = []): Promise<GroupListing[]> {
    await this.ready();
    return this.groups.list(states);
  }

  /** The state is `Dead` if the group does not exist. */
  async describeConsumerGroup(groupId: string): Promise<GroupDescription> {
    await this.ready();
    return this.groups.describe(groupId);
  }

  async listConsumerGroupOffsets(groupId: string): Promise<GroupOffset[]> {
    await this.ready();
    return this.groups.offsets(groupId);
  }

  /** Only for a group without members; otherwise rejects UNKNOWN_MEMBER_ID. */
  async alterConsumerGroupOffsets(groupId: string, offsets: readonly GroupOffset[]): Promise<void> {
    await this.ready();
    return this.groups.alterOffsets(groupId, offsets);
  }

  /** Rejects NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
  async deleteConsumerGroup(groupId: string): Promise<void> {
    await this.ready();
    return this.groups.delete(groupId);
  }

  async deleteConsumerGroupOffsets(
    groupId: string,
    tps: readonly TopicPartition[],
  ): Promise<(TopicPartition & { readonly error: ErrorName })[]> {
    await this.ready();
    return this.groups.deleteOffsets(groupId, tps);
  }

  /**
   * Deletes all records below `beforeOffset`, or with -1 all below the high watermark. Returns an error for
   * each partition: OFFSET_OUT_OF_RANGE above the high watermark, POLICY_VIOLATION for a topic that is only
   * compacted …
   */
  async deleteRecords(wanted: readonly RecordsToDelete[]): Promise<DeletedRecords[]> {
    await this.ready();
    return this.logs.deleteRecords(wanted);
  }

  /**
   * The log dirs of the given brokers (none given: all), with the sizes of the logs of `topics` (none given:
   * all).
   */
  async describeLogDirs(
    brokers: readonly number[] = [],
    topics: readonly string[] = [],
  ): Promise<LogDirDescription[]> {
    await this.ready();
    return this.logs.describeLogDirs(brokers, topics);
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      this.pool.close();
      await this.metadata.close();
    })();
    return this.closing;
  }
}
