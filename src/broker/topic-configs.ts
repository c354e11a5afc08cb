/**
 * Topic configs read from ZooKeeper and validated. A znode that cannot be read, or a value that is not valid,
 * is logged, and the last valid value stays in use: other tools can write these znodes, and that must not
 * stop a broker.
 *
 * Kafka: server/ConfigHandler.scala#TopicConfigHandler, zk/ZkData.scala#ConfigEntityZNode@2.8.2
 */
import { rowOf } from '../common/config-def';
import { messageOf } from '../common/errors';
import { Log } from '../common/host';
import { logConfigTable, TopicOverrides, validateTopicConfig } from '../log/log-config';
import { readAllTopicConfigs, readTopicConfig, TopicConfig } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { topicsZnode } from '../zk/znodes';

export class TopicConfigs {
  private readonly lastValid = new Map<string, TopicOverrides>();
  private synced: Promise<void> | undefined;

  constructor(
    private readonly zk: ZkConnection,
    private readonly log: Log,
  ) {}

  /**
   * The config of a topic that a LeaderAndIsr has just named. It was written before the topic, but the
   * ZooKeeper server may lag behind, and no notification will follow; so this syncs first. Rejects with
   * ZkError if ZooKeeper cannot be reached.
   */
  async readNew(topic: string): Promise<TopicOverrides> {
    await (this.synced ??= Promise.resolve().then(() => this.sync()));
    return this.read(topic);
  }

  /**
   * Calls in the same turn of the event loop share one sync. A sync that has already begun may be too early
   * for later calls.
   */
  private sync(): Promise<void> {
    this.synced = undefined;
    return this.zk.sync(topicsZnode.path);
  }

  /** Rejects with ZkError if ZooKeeper cannot be reached. */
  async read(topic: string): Promise<TopicOverrides> {
    return this.valid(topic, await readTopicConfig(this.zk, topic));
  }

  async readAll(): Promise<Map<string, TopicOverrides>> {
    const found = await readAllTopicConfigs(this.zk);
    return new Map([...found].map(([topic, read]) => [topic, this.valid(topic, read)]));
  }

  private valid(topic: string, { config, problem }: TopicConfig): TopicOverrides {
    const before = this.lastValid.get(topic) ?? {};
    if (problem) {
      this.log.error(`${problem}; topic ${topic} keeps the settings it has`);
      return before;
    }
    const known = Object.entries(config).filter(([name]) => rowOf(logConfigTable, name) !== undefined);
    const valid = Object.fromEntries(
      known.flatMap(([name, value]) => {
        const reason = problemOf(name, value);
        if (reason === undefined) return [[name, value]];
        this.log.error(`Settings of topic ${topic}: ${reason}; ${name} stays as it was`);
        return before[name] === undefined ? [] : [[name, before[name]]];
      }),
    );
    this.lastValid.set(topic, valid);
    return valid;
  }
}

function problemOf(name: string, value: string): string | undefined {
  try {
    validateTopicConfig({ [name]: value });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
