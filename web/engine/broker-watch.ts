/**
 * What is seen of the brokers: whether they run, who is controller, their replicas. `look` is called after
 * each action of the simulation and tells what changed since; it compares field by field, because it is
 * called very often.
 */
import { Partition } from '../../src/broker/partition';
import { SimBroker, SimCluster } from '../../src/simulation/sim-cluster';
import { brokerIdZnode } from '../../src/zk/znodes';
import { BrokerStatus, replicaName } from '../shared/events';
import { EventLog } from './event-log';
import { diskBytes, runningPartsOf } from './peek';

interface SeenBroker {
  status: BrokerStatus;
  isController: boolean;
  controllerEpoch: number;
  brokerEpoch: number;
  problem: string | null;
}

interface SeenReplica {
  isLeader: boolean;
  isOffline: boolean;
  leader: number;
  leaderEpoch: number;
  logStart: number;
  highWatermark: number;
  logEnd: number;
  syncedTo: number;
  isr: readonly number[];
  epochs: unknown;
  segments: number;
  look: number;
}

interface ToldReplica {
  readonly broker: number;
  readonly topic: string;
  readonly partition: number;
  readonly by: Partition;
}

export class BrokerWatch {
  private readonly brokers = new Map<number, SeenBroker>();
  private readonly replicas = new Map<Partition, SeenReplica>();
  /** By broker and name, those that were told and not taken back. */
  private readonly told = new Map<string, ToldReplica>();
  private readonly toldCount = new Map<number, number>();
  private readonly disks = new Map<number, string>();
  /** By partition, how far the leader that moved last has committed. */
  readonly committedTo = new Map<string, number>();
  private readonly stopping = new Map<number, number>();
  private readonly failures = new Map<number, string>();
  private looks = 0;

  constructor(
    private readonly cluster: SimCluster,
    private readonly log: EventLog,
  ) {}

  /** SIGTERM was sent to the process that runs now. */
  isStopping(id: number): void {
    this.stopping.set(id, this.cluster.broker(id).host.generation);
  }

  /** `failure`: `full`, `failed`, or undefined. */
  diskFailed(id: number, failure: string | undefined): void {
    if (failure === undefined) this.failures.delete(id);
    else this.failures.set(id, failure);
    this.lookAtDisks();
  }

  look(): void {
    this.looks++;
    for (const one of this.cluster.brokers) {
      this.lookAtBroker(one);
      const running = one.host.life.isDead ? undefined : runningPartsOf(one.broker);
      if (!running) continue;
      const { all } = running.replicas;
      for (const partition of all) this.lookAtReplica(one.id, partition);
      if (all.length < (this.toldCount.get(one.id) ?? 0)) this.takeBack(one.id);
    }
  }

  private statusOf({ id, host, isStarted }: SimBroker): BrokerStatus {
    if (host.life.isDead) return 'dead';
    if (host.isPaused) return 'paused';
    if (this.stopping.get(id) === host.generation) return 'stopping';
    return isStarted ? 'up' : 'starting';
  }

  private lookAtBroker(one: SimBroker): void {
    const { id, host, broker } = one;
    const status = this.statusOf(one);
    const controller = status === 'dead' ? undefined : runningPartsOf(broker)?.controller;
    const isController = controller?.isActive ?? false;
    const controllerEpoch = isController ? controller!.epoch : 0;
    const brokerEpoch = this.cluster.zookeeper.tree.exists(brokerIdZnode.path(id))?.czxid ?? -1;
    const problem = one.startError ?? host.exited?.reason ?? null;
    const seen = this.brokers.get(id);
    if (
      seen &&
      seen.status === status &&
      seen.isController === isController &&
      seen.brokerEpoch === brokerEpoch &&
      seen.controllerEpoch === controllerEpoch &&
      seen.problem === problem
    )
      return;
    const now = { status, isController, controllerEpoch, brokerEpoch, problem };
    this.brokers.set(id, now);
    this.log.see(host.name, { what: 'broker', broker: id, host: host.name, ...now });
  }

  private lookAtReplica(broker: number, partition: Partition): void {
    const { log, isLeader, isOffline, leaderId, leaderEpoch, isr } = partition;
    const { logStartOffset, highWatermark, logEndOffset, recoveryPoint } = log;
    const epochs = log.epochs.all;
    const segments = log.allSegments;
    const seen = this.replicas.get(partition);
    if (
      seen &&
      seen.logEnd === logEndOffset &&
      seen.highWatermark === highWatermark &&
      seen.isLeader === isLeader &&
      seen.leaderEpoch === leaderEpoch &&
      seen.leader === leaderId &&
      seen.isr === isr &&
      seen.logStart === logStartOffset &&
      seen.syncedTo === recoveryPoint &&
      seen.isOffline === isOffline &&
      seen.epochs === epochs &&
      seen.segments === segments.length
    ) {
      seen.look = this.looks;
      return;
    }
    this.replicas.set(partition, {
      isLeader,
      isOffline,
      leader: leaderId,
      leaderEpoch,
      logStart: logStartOffset,
      highWatermark,
      logEnd: logEndOffset,
      syncedTo: recoveryPoint,
      isr,
      epochs,
      segments: segments.length,
      look: this.looks,
    });
    if (isLeader) this.committedTo.set(partition.name, highWatermark);
    const { topic, partition: number } = partition.tp;
    const name = { broker, topic, partition: number };
    this.replaceTold(replicaName(name), { ...name, by: partition });
    this.log.see(`broker-${broker}`, {
      what: 'replica',
      ...name,
      role: isOffline ? 'offline' : isLeader ? 'leader' : 'follower',
      leader: leaderId,
      leaderEpoch,
      logStart: logStartOffset,
      highWatermark,
      logEnd: logEndOffset,
      syncedTo: recoveryPoint,
      isr: [...isr],
      epochs: epochs.map(({ epoch, startOffset }) => [epoch, startOffset] as const),
      segments: segments.map(({ baseOffset }) => baseOffset),
    });
  }

  private replaceTold(name: string, replica: ToldReplica): void {
    const before = this.told.get(name);
    if (!before) this.toldCount.set(replica.broker, (this.toldCount.get(replica.broker) ?? 0) + 1);
    else if (before.by !== replica.by) this.replicas.delete(before.by);
    this.told.set(name, replica);
  }

  /** Replicas that a running broker had and has no longer: they were deleted. */
  private takeBack(broker: number): void {
    for (const [name, { by, ...replica }] of this.told) {
      if (replica.broker !== broker || this.replicas.get(by)!.look === this.looks) continue;
      if (!this.cluster.isRunning(broker)) return;
      // A broker that has just started has not been told yet what is on its disk.
      if (this.cluster.existsTopic(replica.topic) && this.cluster.assignmentOf(replica).includes(broker))
        continue;
      this.told.delete(name);
      this.toldCount.set(broker, this.toldCount.get(broker)! - 1);
      this.replicas.delete(by);
      this.log.see(`broker-${broker}`, { what: 'replica-gone', ...replica });
    }
  }

  /** Called now and then: to count the bytes takes long. */
  lookAtDisks(): void {
    for (const { id, host } of this.cluster.brokers) {
      const { synced, unsynced } = diskBytes(host.disk);
      const failure = this.failures.get(id) ?? null;
      const now = `${synced} ${unsynced} ${failure}`;
      if (this.disks.get(id) === now) continue;
      this.disks.set(id, now);
      this.log.see(host.name, {
        what: 'disk',
        broker: id,
        syncedBytes: synced,
        unsyncedBytes: unsynced,
        failure,
      });
    }
  }
}
