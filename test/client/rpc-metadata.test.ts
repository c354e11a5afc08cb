/** Metadata by requests: which broker is asked next. The connections are staged. */
import { RpcMetadata } from '../../src/client/rpc-metadata';
import { HostPort } from '../../src/common/cluster-types';
import { ConnectionPool } from '../../src/network/connection-pool';
import { SimHost } from '../../src/simulation/sim-host';
import { World } from '../../src/simulation/world';

const TP = { topic: 't', partition: 0 };

/** Three brokers. Broker 1 does not receive the controller's requests: it still names the former leader. */
class StagedPool {
  readonly connected = new Set(['b1']);

  requestsInFlight({ host }: HostPort): number | undefined {
    return this.connected.has(host) ? 0 : undefined;
  }

  async get({ host }: HostPort): Promise<void> {
    this.connected.add(host);
  }

  async request({ host }: HostPort): Promise<unknown> {
    this.connected.add(host);
    const [leaderId, leaderEpoch] = host === 'b1' ? [1, 0] : [2, 1];
    const partition = { errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch, replicas: [1, 2, 3] };
    return {
      brokers: [1, 2, 3].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9092, rack: null })),
      clusterId: 'c',
      controllerId: 2,
      topics: [
        {
          errorCode: 0,
          name: TP.topic,
          isInternal: false,
          partitions: [{ ...partition, isr: [1, 2, 3], offlineReplicas: [] }],
        },
      ],
    };
  }
}

test('a client that has one connection, to a broker with old metadata, asks another one as well', async () => {
  for (const seed of ['1', '2', '3']) {
    const world = new World(seed);
    const machine = new SimHost(world, { of: () => undefined as never, hostDied: () => {} }, 'client');
    const metadata = new RpcMetadata(machine.boot(), new StagedPool() as unknown as ConnectionPool, {
      bootstrapServers: [{ host: 'b1', port: 9092 }],
      refreshBackoffMs: 100,
      maxAgeMs: 300_000,
      allowAutoTopicCreation: false,
    });
    await world.complete(metadata.awaitTopic(TP.topic, 10_000), 10_000, 'the topic');
    expect(metadata.leaderOf(TP).leader).toBe(1);
    // The former leader refuses each time, so the client wants the metadata again.
    for (let i = 0; i < 10; i++) {
      metadata.requestUpdate(TP.topic);
      const fromMs = world.nowMs;
      world.schedule(150, () => {});
      await world.run(fromMs + 150, () => world.nowMs >= fromMs + 150);
    }
    expect(metadata.leaderOf(TP).leader).toBe(2);
    await world.complete(metadata.close(), 1000, 'closing');
  }
});
