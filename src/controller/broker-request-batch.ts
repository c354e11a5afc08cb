/**
 * Collects the requests of one controller event: at most one LeaderAndIsr, one UpdateMetadata and one
 * StopReplica per broker, sent in that order.
 *
 * Invariant: every partition in a LeaderAndIsr is also in the UpdateMetadata that all brokers get.
 *
 * [p] Kafka: controller/ControllerChannelManager.scala#AbstractControllerBrokerRequestBatch@2.8.2
 */
import { BrokerInfo, NO_LEADER, TopicPartition, tpName } from '../common/cluster-types';
import { leaderAndIsr, stopReplica, updateMetadata } from '../protocol/messages/replica-control';
import { Api, TypeOf } from '../protocol/schema';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext } from './controller-context';
import { actualLeader } from './restarted-since';

type LeaderAndIsrPartition = TypeOf<typeof leaderAndIsr.request>['partitionStates'][number];
type UpdateMetadataPartition = TypeOf<typeof updateMetadata.request>['partitionStates'][number];
type StopReplicaPartition = TypeOf<typeof stopReplica.request>['partitionStates'][number];

export interface BrokerRequest<Q = unknown, R = unknown> {
  readonly brokerId: number;
  readonly api: Api<Q, R>;
  readonly body: Q;
}

function put<T>(map: Map<number, Map<string, T>>, broker: number, tp: TopicPartition, value: T): void {
  const inner = map.get(broker) ?? new Map<string, T>();
  map.set(broker, inner.set(tpName(tp), value));
}

export class BrokerRequestBatch {
  private readonly leaderAndIsr = new Map<number, Map<string, LeaderAndIsrPartition>>();
  private readonly stopReplica = new Map<number, Map<string, StopReplicaPartition>>();
  private readonly metadata = new Map<number, Map<string, UpdateMetadataPartition>>();

  constructor(
    private readonly context: ControllerContext,
    private readonly interBrokerListener: string,
  ) {}

  addLeaderAndIsr(
    brokers: readonly number[],
    tp: TopicPartition,
    state: PartitionState,
    isNew: boolean,
  ): void {
    const replicas = this.context.replicasOf(tp);
    for (const broker of brokers) {
      if (!this.context.liveBrokers.has(broker)) continue;
      const earlier = this.leaderAndIsr.get(broker)?.get(tpName(tp));
      // isNew stays true if the partition is added again: a broker with a failed log dir creates new logs
      // only.
      const leader = actualLeader(this.context, tp, state);
      put(this.leaderAndIsr, broker, tp, {
        ...tp,
        ...state,
        leader,
        replicas,
        isNew: isNew || (earlier?.isNew ?? false),
      });
    }
    this.addUpdateMetadata(this.context.brokerIds, [tp]);
  }

  /** With no partitions the request carries only the list of live brokers. */
  addUpdateMetadata(brokers: readonly number[], tps: readonly TopicPartition[]): void {
    for (const broker of brokers) if (!this.metadata.has(broker)) this.metadata.set(broker, new Map());
    for (const tp of tps) {
      const state = this.context.leadershipOf(tp);
      if (state === undefined) continue;
      const replicas = this.context.replicasOf(tp);
      const offlineReplicas = replicas.filter(
        (replica) => !this.context.isReplicaLive(tp, replica) && !this.context.shuttingDown.has(replica),
      );
      const leader = actualLeader(this.context, tp, state);
      for (const broker of brokers)
        put(this.metadata, broker, tp, { ...tp, ...state, leader, replicas, offlineReplicas });
    }
  }

  addStopReplica(broker: number, tp: TopicPartition, leaderEpoch: number, deletePartition: boolean): void {
    if (this.context.liveBrokers.has(broker))
      put(this.stopReplica, broker, tp, { ...tp, leaderEpoch, deletePartition });
  }

  /** The collected requests, each with the controller epoch and the broker epoch of the receiver. */
  build(): BrokerRequest[] {
    const requests: BrokerRequest[] = [];
    const add = <Q, R>(brokerId: number, api: Api<Q, R>, body: Q) =>
      requests.push({ brokerId, api: api as Api, body });
    for (const [broker, partitions] of this.leaderAndIsr) {
      add(broker, leaderAndIsr, {
        ...this.stamp(broker),
        partitionStates: [...partitions.values()],
        liveLeaders: this.leadersOf(partitions.values()),
      });
    }
    const liveBrokers = this.context.brokerIds.map((id) => this.context.liveBrokers.get(id)!);
    for (const [broker, partitions] of this.metadata) {
      if (this.context.liveBrokers.has(broker))
        add(broker, updateMetadata, {
          ...this.stamp(broker),
          partitionStates: [...partitions.values()],
          liveBrokers,
        });
    }
    for (const [broker, partitions] of this.stopReplica)
      add(broker, stopReplica, { ...this.stamp(broker), partitionStates: [...partitions.values()] });
    return requests;
  }

  private stamp(broker: number) {
    return {
      controllerId: this.context.controllerId,
      controllerEpoch: this.context.epoch,
      brokerEpoch: this.context.liveBrokers.get(broker)!.epoch,
    };
  }

  private leadersOf(
    partitions: Iterable<LeaderAndIsrPartition>,
  ): { brokerId: number; host: string; port: number }[] {
    const ids = new Set(
      [...partitions].map((partition) => partition.leader).filter((leader) => leader !== NO_LEADER),
    );
    const brokers = [...ids]
      .map((id) => this.context.liveBrokers.get(id))
      .filter((broker): broker is BrokerInfo => broker !== undefined);
    return brokers.flatMap((broker) => {
      const endpoint = broker.endpoints.find((one) => one.listener === this.interBrokerListener);
      return endpoint ? [{ brokerId: broker.id, host: endpoint.host, port: endpoint.port }] : [];
    });
  }
}
