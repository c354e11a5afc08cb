/**
 * The requests of the controller to brokers, and ControlledShutdown, which a broker sends to the controller.
 *
 * Every request of the controller contains the controller epoch and the broker epoch of the receiver. So a
 * broker refuses a request of a former controller, and a request that was meant for its previous incarnation
 * (KIP-380).
 *
 * [p] Kafka: {LeaderAndIsr,UpdateMetadata,StopReplica,ControlledShutdown}Request.json@2.8.2
 */
import { api, array, bool, int16, int32, int64, nullableString, string, struct } from '../schema';

const controllerFields = {
  controllerId: [int32, 'The broker id of the controller.'],
  controllerEpoch: [int32, 'Its epoch.'],
  brokerEpoch: [int64, 'The epoch (czxid) of the broker this is meant for.'],
} as const;

const partitionErrors = array(
  struct({
    topic: [string, 'Topic name.'],
    partition: [int32, 'Partition index.'],
    errorCode: [int16, 'Error code.'],
  }),
);

export const leaderAndIsr = api(
  4,
  'LeaderAndIsr',
  'Makes the receiver leader or follower of partitions.',
  struct({
    ...controllerFields,
    partitionStates: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partition: [int32, 'Partition index.'],
          controllerEpoch: [int32, 'The epoch of the controller that last wrote the state.'],
          leader: [int32, 'The leader.'],
          leaderEpoch: [int32, 'The leader epoch.'],
          isr: [array(int32), 'The in-sync replicas.'],
          zkVersion: [int32, 'The version of the state znode.'],
          replicas: [array(int32), 'The assigned replicas.'],
          isNew: [bool, 'The replica is new; its log is not expected to exist.'],
        }),
      ),
      'The partitions.',
    ],
    liveLeaders: [
      array(
        struct({
          brokerId: [int32, 'The broker id.'],
          host: [string, 'Its host on the inter-broker listener.'],
          port: [int32, 'Its port there.'],
        }),
      ),
      'The leaders named above.',
    ],
  }),
  struct({
    errorCode: [int16, 'Error code of the whole request.'],
    partitionErrors: [partitionErrors, 'One row a partition.'],
  }),
);

export const updateMetadata = api(
  6,
  'UpdateMetadata',
  'Tells a broker of live brokers and partition states, for its metadata cache.',
  struct({
    ...controllerFields,
    partitionStates: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partition: [int32, 'Partition index.'],
          controllerEpoch: [int32, 'The epoch of the controller that last wrote the state.'],
          leader: [int32, 'The leader, -1 none, -2 the topic is being deleted.'],
          leaderEpoch: [int32, 'The leader epoch.'],
          isr: [array(int32), 'The in-sync replicas.'],
          zkVersion: [int32, 'The version of the state znode.'],
          replicas: [array(int32), 'The assigned replicas.'],
          offlineReplicas: [array(int32), 'The replicas that are not alive.'],
        }),
      ),
      'The partitions.',
    ],
    liveBrokers: [
      array(
        struct({
          id: [int32, 'The broker id.'],
          epoch: [int64, 'Its broker epoch; ours, not in Kafka (design D17).'],
          endpoints: [
            array(
              struct({
                host: [string, 'Host.'],
                port: [int32, 'Port.'],
                listener: [string, 'Listener name.'],
                securityProtocol: [string, 'Security protocol.'],
              }),
            ),
            'Its endpoints.',
          ],
          rack: [nullableString, 'Its rack, or null.'],
        }),
      ),
      'All live brokers.',
    ],
  }),
  struct({ errorCode: [int16, 'Error code.'] }),
);

export const stopReplica = api(
  5,
  'StopReplica',
  'Stops following a partition, and deletes its log if asked to.',
  struct({
    ...controllerFields,
    partitionStates: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partition: [int32, 'Partition index.'],
          leaderEpoch: [int32, 'The leader epoch; -2 while the topic is being deleted.'],
          deletePartition: [bool, 'Delete the log.'],
        }),
      ),
      'The partitions.',
    ],
  }),
  struct({
    errorCode: [int16, 'Error code of the whole request.'],
    partitionErrors: [partitionErrors, 'One row a partition.'],
  }),
);

export const controlledShutdown = api(
  7,
  'ControlledShutdown',
  'Asks the controller to move leaders off a broker that is about to stop.',
  struct({
    brokerId: [int32, 'The broker that wants to stop.'],
    brokerEpoch: [int64, 'Its epoch.'],
  }),
  struct({
    errorCode: [int16, 'Error code.'],
    remainingPartitions: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partition: [int32, 'Partition index.'],
        }),
      ),
      'Partitions with several replicas that the broker still leads.',
    ],
  }),
);
