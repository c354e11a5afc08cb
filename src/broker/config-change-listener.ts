/**
 * Follows the notifications in `/config/changes`: each names an entity whose config changed, which is then
 * read and applied. Every broker deletes the notifications older than 15 minutes.
 *
 * Kafka: common/ZkNodeChangeNotificationListener.scala, server/DynamicConfigManager.scala@2.8.2
 */
import { messageOf } from '../common/errors';
import { Clock, Log } from '../common/host';
import { SerialQueue } from '../common/serial-queue';
import { isOfOneZnode } from '../zk/read-each';
import { readConfigChange } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import { configChangesZnode } from '../zk/znodes';

const PURGE_AFTER_MS = 15 * 60 * 1000;

export class ConfigChangeListener {
  private lastSeen = -1;
  private readonly queue: SerialQueue;
  private unwatch: () => void = () => {};

  constructor(
    private readonly clock: Clock,
    private readonly zk: ZkConnection,
    private readonly log: Log,
    private readonly onTopicChanged: (topic: string) => Promise<void>,
  ) {
    this.queue = new SerialQueue((error) =>
      log.warn(`Config changes could not be read: ${messageOf(error)}`),
    );
  }

  start(): void {
    const look = () => this.queue.put(() => this.process());
    this.unwatch = this.zk.onChildChange(configChangesZnode.path, look);
    look();
  }

  stop(): void {
    this.unwatch();
    this.queue.clear();
  }

  /**
   * Processes the notifications in the order of their sequence numbers. As in Kafka, one that cannot be read
   * or applied is logged and skipped.
   */
  private async process(): Promise<void> {
    for (const name of (await this.zk.children(configChangesZnode.path)) ?? []) {
      const sequence = Number(name.slice(-10));
      if (sequence > this.lastSeen) {
        await this.apply(name);
        this.lastSeen = sequence;
      }
      await this.purge(`${configChangesZnode.path}/${name}`);
    }
  }

  private async apply(name: string): Promise<void> {
    try {
      const entity = await readConfigChange(this.zk, name);
      if (entity?.startsWith('topics/')) await this.onTopicChanged(entity.slice('topics/'.length));
    } catch (error) {
      // ZooKeeper cannot be reached: the notification is processed after the reconnect.
      if (isZkError(error) && !isOfOneZnode(error)) throw error;
      this.log.error(`${configChangesZnode.path}/${name} is ignored: ${messageOf(error)}`);
    }
  }

  private async purge(path: string): Promise<void> {
    const stat = await this.zk.exists(path);
    if (stat === null || this.clock.wallMs() - stat.ctimeMs < PURGE_AFTER_MS) return;
    await this.zk.delete(path, -1).catch(() => {});
  }
}
