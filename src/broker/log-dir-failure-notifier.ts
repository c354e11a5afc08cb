/**
 * Notifies the controller that a log dir of this broker failed, with one sequential znode. The controller
 * then sends LeaderAndIsr for every replica of this broker, and learns from the response which replicas are
 * lost.
 *
 * Invariant: every failure is announced in the end, even if ZooKeeper could not be reached when it happened.
 * An additional notification is harmless.
 *
 * Kafka: server/ReplicaManager.scala#handleLogDirFailure, zk/KafkaZkClient.scala#propagateLogDirEvent@2.8.2
 * (KIP-112)
 */
import { inBackground } from '../common/background';
import { messageOf } from '../common/errors';
import { Clock, Log, Timer } from '../common/host';
import { ZkConnection } from '../zk/zk-connection';
import { logDirEventZnode } from '../zk/znodes';

const RETRY_MS = 1000;

export class LogDirFailureNotifier {
  private isDue = false;
  private isSending = false;
  private isStopped = false;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly zk: ZkConnection,
    private readonly log: Log,
    private readonly brokerId: number,
  ) {}

  notify(): void {
    this.isDue = true;
    inBackground(this.log, 'Announcing the failure of a log dir', this.send());
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private async send(): Promise<void> {
    if (this.isSending || this.isStopped) return;
    this.isSending = true;
    try {
      while (this.isDue) {
        this.isDue = false;
        await this.zk.create(
          logDirEventZnode.createPath,
          logDirEventZnode.encode(this.brokerId),
          'persistent-sequential',
        );
      }
    } catch (error) {
      this.isDue = true;
      this.log.warn(`The failure of a log dir could not be announced, trying again: ${messageOf(error)}`);
      this.timer = this.clock.schedule(RETRY_MS, () => this.notify());
    } finally {
      this.isSending = false;
    }
  }
}
