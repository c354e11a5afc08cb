/**
 * The part of the controller that every broker runs: watches `/controller`, races for it when it is gone, and lets an
 * `ActiveController` work while the office is held.
 *
 * Invariant: there is at most one ActiveController, and only while, to our knowledge, we own `/controller`: it is
 * stopped at once when the session expires, when the connection has been silent for the session timeout, and when a
 * write meets a newer controller epoch.
 *
 * Kafka: controller/KafkaController.scala#{elect,maybeResign,processControllerChange}@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep } from '../common/host';
import { Metrics } from '../common/metrics';
import { ControllerMovedError, electController, readControllerId, resignController } from '../zk/controller-election';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import { controllerEpochZnode, controllerZnode } from '../zk/znodes';
import { ActiveController } from './active-controller';
import { ControllerOptions } from './controller-options';
import { EventQueue } from './event-queue';

const RETRY_BACKOFF_MS = 200;

export class Controller {
  private readonly log: Log;
  private readonly queue: EventQueue;
  private active: ActiveController | undefined;
  private unwatch: () => void = () => {};
  private isClosed = false;

  constructor(
    private readonly host: Host, private readonly zk: ZkConnection, private readonly options: ControllerOptions, private readonly metrics: Metrics,
    private readonly onFatal: (error: unknown) => void,
  ) {
    this.log = host.log.child(`Controller id=${options.brokerId}`);
    this.queue = new EventQueue(this.log, (name, error) => this.failed(name, error));
    metrics.gauge('kafka.controller:type=KafkaController,name=ActiveControllerCount', () => (this.active ? 1 : 0));
  }

  get isActive(): boolean { return this.active !== undefined; }
  get epoch(): number { return this.active?.context.epoch ?? -1; }

  /** Starts watching and tries to be elected. */
  start(): void {
    this.unwatch = this.zk.onDataChange(controllerZnode.path, () => this.queue.put('ControllerChange', () => this.look()));
    this.queue.put('Startup', () => this.look());
  }

  /** The session is gone, and with it `/controller` if it was ours. */
  sessionExpired(): void {
    this.resign('the ZooKeeper session expired');
    this.queue.clearAndPut('Expire', async () => {});
  }

  /** Nothing heard from ZooKeeper for the whole timeout: others may already have elected a successor. */
  sessionLost(): void {
    if (this.active) this.resign('ZooKeeper has not been heard for the session timeout');
  }

  /** Reads `/controller` and acts on it. Reading arms the watch again. */
  private async look(): Promise<void> {
    if (this.isClosed) return;
    const holder = await readControllerId(this.zk);
    if (holder === -1) {
      this.resign('/controller is gone');
      await this.elect();
    } else if (holder !== this.options.brokerId) {
      this.resign(`broker ${holder} is the controller`);
    } else if (!this.active) {
      await this.dropOrphan();
    }
  }

  /** `/controller` is ours, but we gave the office up (a silent connection that came back): free it and race again. */
  private async dropOrphan(): Promise<void> {
    const epoch = await this.zk.get(controllerEpochZnode.path);
    const znode = await this.zk.exists(controllerZnode.path);
    if (!epoch || znode?.ephemeralOwner !== this.zk.credentials.id) return;
    try {
      await this.zk.multi([
        { type: 'check', path: controllerEpochZnode.path, version: epoch.stat.version },
        { type: 'delete', path: controllerZnode.path, version: znode.version },
      ]);
    } catch (error) {
      if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
    }
  }

  private async elect(): Promise<void> {
    const term = await electController(this.zk, this.options.brokerId, this.host.clock.wallMs());
    if (term === undefined) {
      await readControllerId(this.zk);
      return;
    }
    if (this.isClosed) return resignController(this.zk, term);
    const log = this.host.log.child(`Controller id=${this.options.brokerId} epoch=${term.epoch}`);
    log.info('Elected as the controller');
    this.host.event({ what: 'controller-elected', broker: this.options.brokerId, controllerEpoch: term.epoch });
    const active = new ActiveController({ zk: this.zk, host: this.host, log, metrics: this.metrics, queue: this.queue, options: this.options }, term);
    this.active = active;
    await readControllerId(this.zk);
    try {
      await active.start();
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
    this.host.event({ what: 'controller-resigned', broker: this.options.brokerId, controllerEpoch: epoch, reason });
  }

  private failed(name: string, error: unknown): void {
    if (this.isClosed) return;
    if (error instanceof ControllerMovedError) {
      this.host.event({ what: 'controller-fenced', broker: this.options.brokerId, controllerEpoch: this.epoch, event: name });
      this.resign(`${name}: ${error.message}`);
      this.queue.put('ControllerChange', () => this.look());
    } else if (isZkError(error)) {
      // Half an event may be done. Starting a term over is always right: everything is read again.
      this.log.warn(`${name} failed: ${error.message}; starting over`);
      const term = this.active?.context.term;
      this.resign(`${name} failed: ${error.message}`);
      this.queue.put('Retry', async () => {
        await sleep(this.host.clock, RETRY_BACKOFF_MS);
        if (this.isClosed) return;
        if (term) await resignController(this.zk, term);
        await this.look();
      });
    } else {
      this.log.error(`${name} failed: ${error instanceof Error ? error.stack : messageOf(error)}`);
      this.onFatal(error);
    }
  }

  /** Served for ControlledShutdown; throws NOT_CONTROLLER. */
  controlledShutdown(brokerId: number, brokerEpoch: number): Promise<{ error: ErrorName; remaining: readonly TopicPartition[] }> {
    return new Promise((resolve, reject) => {
      this.queue.putAlways('ControlledShutdown', async () => {
        if (!this.active) return reject(new KafkaError('NOT_CONTROLLER'));
        try {
          resolve(await this.active.controlledShutdown(brokerId, brokerEpoch));
        } catch (error) {
          reject(new KafkaError('NOT_CONTROLLER', messageOf(error)));
          throw error;
        }
      });
    });
  }

  uncleanElectionEnabled(topic: string): void {
    this.active?.uncleanElectionEnabled(topic);
  }

  /** Ends the office, if held, so that a successor is elected at once. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.unwatch();
    const term = this.active?.context.term;
    this.resign('shutting down');
    this.queue.clearAndPut('Shutdown', async () => {});
    if (term && this.zk.isConnected) await resignController(this.zk, term);
  }
}
