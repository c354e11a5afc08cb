/**
 * Where an event comes from: our file and symbol, Kafka's class, and the term of the glossary that explains
 * it.
 */
export interface Origin {
  readonly source: string;
  readonly kafka: string;
  readonly term: string | null;
}

const of = (source: string, kafka: string, term: string | null = null): Origin => ({
  source: `src/${source}`,
  kafka,
  term,
});

export const ORIGINS: Readonly<Record<string, Origin>> = {
  'leader-elected': of(
    'controller/election.ts#electOffline',
    'PartitionStateMachine#doElectLeaderForPartitions',
    'election',
  ),
  'replica-left-isr': of(
    'controller/state-transitions.ts#removeFromIsr',
    'ReplicaStateMachine#removeReplicasFromIsr',
    'isr',
  ),
  'broker-change': of(
    'controller/broker-changes.ts#changed',
    'KafkaController#processBrokerChange',
    'controller',
  ),
  'controller-elected': of(
    'zk/controller-election.ts#electController',
    'KafkaController#elect',
    'controller-epoch',
  ),
  'controller-resigned': of(
    'controller/controller.ts#resign',
    'KafkaController#onControllerResignation',
    'controller',
  ),
  'controller-fenced': of(
    'zk/controller-election.ts#controllerMulti',
    'KafkaZkClient#wrapRequestWithControllerEpochCheck',
    'fencing',
  ),
  'became-leader': of('broker/partition.ts#makeLeader', 'Partition#makeLeader', 'leader'),
  'became-follower': of('broker/partition.ts#makeFollower', 'Partition#makeFollower', 'follower'),
  'isr-changed': of('broker/partition.ts#changeIsr', 'Partition#expandIsr, Partition#shrinkIsr', 'isr'),
  'isr-conflict': of('broker/partition.ts#answered', 'Partition#handleAlterIsrResponse', 'zkversion'),
  'truncated': of(
    'broker/replica-fetcher.ts#applyTruncation',
    'AbstractFetcherThread#truncateToEpochEndOffsets',
    'truncation',
  ),
  'broker-started': of('broker/broker.ts#startUp', 'KafkaServer#startup', null),
  'broker-stopped': of('broker/broker.ts#stop', 'KafkaServer#shutdown', 'controlled-shutdown'),
  'broker-registered': of('broker/broker.ts#register', 'KafkaZkClient#registerBroker', 'broker-epoch'),
  'controlled-shutdown': of(
    'controller/controlled-shutdown.ts#moveLeadersAway',
    'KafkaController#doControlledShutdown',
    'controlled-shutdown',
  ),
  'control-request-refused': of('broker/control-fence.ts#problem', 'KafkaApis#isBrokerEpochStale', 'fencing'),
  'zk-session-expired': of(
    'zk/zk-connection.ts#expired',
    'ZooKeeperClient#ZooKeeperClientWatcher',
    'session',
  ),
  'rebalance': of(
    'broker/group/group-rebalance.ts#prepare',
    'GroupCoordinator#prepareRebalance',
    'rebalance',
  ),
  'generation-changed': of(
    'broker/group/group-rebalance.ts#completeJoin',
    'GroupCoordinator#onCompleteJoin',
    'generation',
  ),
  'duplicate-batch': of(
    'log/producer-state.ts#findRepeated',
    'ProducerStateEntry#findDuplicateBatch',
    'idempotence',
  ),
  'log-dir-failed': of('log/log-manager.ts#failed', 'LogManager#handleLogDirFailure', 'log-dir'),
  'znode': of('zk/znodes.ts#znodeDocs', 'ZkData', 'znode'),
  'session': of('zk/zk-client.ts#ZkClient', 'ZooKeeperClient', 'session'),
};
