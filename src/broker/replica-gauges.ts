/**
 * The gauges of the replica manager.
 *
 * Kafka: server/ReplicaManager.scala's gauges@2.8.2; ours: MissingReplicaCount
 */
import { Metrics } from '../common/metrics';
import { LogManager } from '../log/log-manager';
import { MissingReplicas } from './missing-replicas';
import { Partition } from './partition';
import { Purgatory } from './purgatory';

interface Replicas {
  readonly all: readonly Partition[];
  readonly producePurgatory: Purgatory;
  readonly fetchPurgatory: Purgatory;
  readonly deleteRecordsPurgatory: Purgatory;
}

export function registerReplicaGauges(
  replicas: Replicas,
  metrics: Metrics,
  logs: LogManager,
  missing: MissingReplicas,
): void {
  const leading = () => replicas.all.filter((one) => one.isLeader);
  const gauge = (name: string, read: () => number) => {
    metrics.gauge(`kafka.server:type=ReplicaManager,name=${name}`, read);
  };
  const isUnderMinIsr = (one: Partition) => one.isr.length < one.log.config['min.insync.replicas'];
  const isUnderReplicated = (one: Partition) => one.isr.length < one.assignment.length;
  gauge('LeaderCount', () => leading().length);
  gauge('PartitionCount', () => replicas.all.length);
  gauge('OfflineReplicaCount', () => replicas.all.filter((one) => one.isOffline).length);
  gauge('MissingReplicaCount', () => missing.count);
  gauge('UnderReplicatedPartitions', () => leading().filter(isUnderReplicated).length);
  gauge('UnderMinIsrPartitionCount', () => leading().filter(isUnderMinIsr).length);
  replicas.producePurgatory.registerGauges(metrics, 'Produce');
  replicas.fetchPurgatory.registerGauges(metrics, 'Fetch');
  replicas.deleteRecordsPurgatory.registerGauges(metrics, 'DeleteRecords');
  metrics.gauge('kafka.log:type=LogManager,name=OfflineLogDirectoryCount', () => logs.offlineDirs.length);
}
