/**
 * The part of the controller that runs on every broker: watches `/controller`, tries to create it when it is
 * missing, and runs an `ActiveController` while this broker owns it.
 *
 * Invariant: there is at most one ActiveController, and only while this broker believes that it owns
 * `/controller`. It is stopped at once when the session expires, when the connection has been silent for the
 * session timeout, and when a write finds a newer controller epoch.
 *
 * Kafka: controller/KafkaController.scala#{elect,maybeResign,processControllerChange}@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, Timer } from '../common/host';
import { Metrics } from '../common/metrics';
import {
  ControllerMovedError,
  ControllerTerm,
  electController,
  readControllerHolder,
  resignController,
} from '../zk/controller-election';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError, ZkOp } from '../zk/zk-session';
import { controllerEpochZnode, controllerZnode, ZnodeError } from '../zk/znodes';
import { ActiveController } from './active-controller';
import { ControllerOptions } from './controller-options';
import { EventQueue } from './event-queue';

const RETRY_BACKOFF_MS = 200;
/** Repeated failures usually need an administrator, for example to repair a damaged znode. */
const MAX_RETRY_BACKOFF_MS = 10_000;

export class Controller {
  private readonly log: Log;
  private readonly queue: EventQueue;
  private active: ActiveController | undefined;
  private unwatch: () => void = () => {};
  private isClosed = false;
  private retryBackoffMs = RETRY_BACKOFF_MS;
  private retryTimer: Timer | undefined;
  /** True after this broker failed as controller: it lets other brokers win until the retry timer fires. */
  private isElectionHeld = false;

  constructor(
    private readonly host: Host,
    private readonly zk: ZkConnection,
    private readonly options: ControllerOptions,
    private readonly metrics: Metrics,
  ) {
    this.log = host.log.child(`Controller id=${options.brokerId}`);
    this.queue = new EventQueue(this.log, (name, error) => this.failed(name, error));
    metrics.gauge('kafka.controller:type=KafkaController,name=ActiveControllerCount', () =>
      this.active ? 1 : 0,
    );
  }

  get isActive(): boolean {
    return this.active !== undefined;
  }
  get epoch(): number {
    return this.active?.context.epoch ?? -1;
  }

  /** Starts watching `/controller` and takes part in the election. */
  start(): void {
    const look = () => this.queue.put('ControllerChange', () => this.look());
    this.unwatch = this.zk.onDataChange(controllerZnode.path, look);
    look();
  }

  /**
   * The session expired, and with it `/controller`, if this broker owned it. The queued event resigns once
   * more, because an election that was running may have been won in the expired session.
   */
  sessionExpired(): void {
    const resign = () => this.resign('the ZooKeeper session expired');
    resign();
    this.queue.clearAndPut('Expire', async () => resign());
  }

  /**
   * ZooKeeper has been silent for the whole session timeout: another broker may already be the controller.
   */
  sessionLost(): void {
    if (this.active) this.resign('ZooKeeper has not been heard for the session timeout');
  }

  /** Reads `/controller` and acts on its owner. The read also sets the watch again. */
  private async look(): Promise<void> {
    if (this.isClosed) return;
    const holder = await readControllerHolder(this.zk);
    if (!holder) {
      this.resign('/controller is gone');
      if (!this.isElectionHeld) await this.elect();
    } else if (!holder.isMine) {
      this.resign(`${holder.name} is the controller`);
    } else if (!this.active) {
      await this.dropOrphan();
    }
  }

  /**
   * `/controller` belongs to our session, but this broker has resigned: its connection was silent and came
   * back. Deletes the znode, so that a new election starts.
   */
  private async dropOrphan(): Promise<void> {
    const epoch = await this.zk.get(controllerEpochZnode.path);
    const znode = await this.zk.exists(controllerZnode.path);
    if (znode?.ephemeralOwner !== this.zk.credentials.id) return;
    const free: ZkOp = { type: 'delete', path: controllerZnode.path, version: znode.version };
    const fence: ZkOp[] = epoch
      ? [{ type: 'check', path: controllerEpochZnode.path, version: epoch.stat.version }]
      : [];
    try {
      await this.zk.multi([...fence, free]);
    } catch (error) {
      if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
      this.lookLater();
    }
  }

  private async elect(): Promise<void> {
    const term = await electController(this.zk, this.options.brokerId, this.host.clock.wallMs());
    if (term === undefined) {
      // The winner may have resigned before the watch was set.
      if (!(await readControllerHolder(this.zk))) this.lookLater();
      return;
    }
    if (this.isClosed) return resignController(this.zk, term);
    const log = this.host.log.child(`Controller id=${this.options.brokerId} epoch=${term.epoch}`);
    log.info('Elected as the controller');
    this.host.event({
      what: 'controller-elected',
      broker: this.options.brokerId,
      controllerEpoch: term.epoch,
    });
    const active = new ActiveController(
      { zk: this.zk, host: this.host, log, metrics: this.metrics, queue: this.queue, options: this.options },
      term,
    );
    this.active = active;
    try {
      // Sets the watch on the new znode.
      await readControllerHolder(this.zk);
      await active.start();
      this.retryBackoffMs = RETRY_BACKOFF_MS;
    } catch (error) {
      log.error(`Could not take over: ${messageOf(error)}`);
      if (this.active === active) this.resign('taking over failed');
      await resignController(this.zk, term);
      throw error;
    }
  }

  private resign(reason: string): void {
    if (!this.active) return;
    const epoch = this.epoch;
    this.active.stop();
    this.active = undefined;
    this.log.info(`Resigned, epoch was ${epoch}: ${reason}`);
    this.host.event({
      what: 'controller-resigned',
      broker: this.options.brokerId,
      controllerEpoch: epoch,
      reason,
    });
  }

  /**
   * Called when an event threw an error. Half of the event may be done, so the controller resigns; the next
   * election reads everything again, which is correct after any error.
   */
  private failed(name: string, error: unknown): void {
    if (this.isClosed) return;
    const epoch = this.epoch;
    const isFenced = error instanceof ControllerMovedError;
    if (isFenced)
      this.host.event({
        what: 'controller-fenced',
        broker: this.options.brokerId,
        controllerEpoch: epoch,
        event: name,
      });
    else if (isZkError(error)) this.log.warn(`${name} failed: ${error.message}; starting over`);
    else this.broke(name, error);
    const term = this.active?.context.term;
    this.resign(`${name}: ${messageOf(error)}`);
    if (isFenced) this.queue.put('ControllerChange', () => this.look());
    else this.lookLater(term);
  }

  /**
   * An error that is neither fencing nor a ZooKeeper error: a damaged znode that the controller needs, or a
   * bug. It is logged and the backoff grows: it must not stop one broker after another.
   */
  private broke(name: string, error: unknown): void {
    const text = error instanceof Error && !(error instanceof ZnodeError) ? error.stack : messageOf(error);
    this.log.error(`${name} failed, starting over: ${text}`);
    this.retryBackoffMs = Math.min(2 * this.retryBackoffMs, MAX_RETRY_BACKOFF_MS);
    this.host.event({
      what: 'controller-failed',
      broker: this.options.brokerId,
      controllerEpoch: this.epoch,
      event: name,
      error: String(error),
    });
  }

  /** Schedules the next attempt to be elected. Deletes `/controller` if it still belongs to `term`. */
  private lookLater(term?: ControllerTerm): void {
    this.isElectionHeld = true;
    this.retryTimer?.cancel();
    this.retryTimer = this.host.clock.schedule(this.retryBackoffMs, () => {
      this.isElectionHeld = false;
      this.queue.put('Retry', () => this.look());
    });
    if (term) this.queue.put('Resign', () => resignController(this.zk, term));
  }

  /**
   * Serves ControlledShutdown requests. Throws NOT_CONTROLLER if this broker is not the controller or stops
   * being it.
   */
  controlledShutdown(
    brokerId: number,
    brokerEpoch: number,
  ): Promise<{ error: ErrorName; remaining: readonly TopicPartition[] }> {
    return new Promise((resolve, reject) => {
      const refuse = () => reject(new KafkaError('NOT_CONTROLLER'));
      this.queue.putAlways(
        'ControlledShutdown',
        async () => {
          if (!this.active) return refuse();
          try {
            resolve(await this.active.controlledShutdown(brokerId, brokerEpoch));
          } catch (error) {
            reject(new KafkaError('NOT_CONTROLLER', messageOf(error)));
            throw error;
          }
        },
        refuse,
      );
    });
  }

  uncleanElectionEnabled(topic: string): void {
    this.active?.uncleanElectionEnabled(topic);
  }

  /**
   * Resigns and deletes `/controller`, if it is ours, so that a successor is elected without waiting for the
   * session.
   */
  async close(): Promise<void> {
    this.isClosed = true;
    this.unwatch();
    this.retryTimer?.cancel();
    const term = this.active?.context.term;
    this.resign('shutting down');
    this.queue.clearAndPut('Shutdown', async () => {});
    if (term && this.zk.isConnected) await resignController(this.zk, term);
  }
}
