/** Control requests as a controller would send them, made by the test. */
import { HostPort } from '../../src/common/cluster-types';
import { RpcConnection } from '../../src/network/rpc-connection';
import { Api } from '../../src/protocol/schema';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { TP } from './sim';

/** Asks a broker something over a connection of its own, on its first listener. */
export function ask<Q, R>(cluster: SimCluster, id: number, api: Api<Q, R>, request: Q): Promise<R> {
  return askAt(cluster, { host: `broker-${id}`, port: 9092 }, api, request);
}

/** ... on any listener. */
export async function askAt<Q, R>(
  cluster: SimCluster,
  address: HostPort,
  api: Api<Q, R>,
  request: Q,
): Promise<R> {
  const { host } = cluster.environment();
  const options = { clientId: 'test', requestTimeoutMs: 10000 };
  const connection = await cluster.world.complete(
    RpcConnection.open(host, address, options),
    10000,
    'connecting',
  );
  const response = await cluster.world.complete(
    connection.request(api, request),
    15000,
    `the answer to ${api.name}`,
  );
  connection.close();
  return response;
}

/** What every request of the present controller says to this incarnation of the broker. */
export function stampFor(cluster: SimCluster, id: number) {
  return {
    controllerId: 3,
    controllerEpoch: Number(cluster.zookeeper.tree.get('/controller_epoch').data.toString()),
    brokerEpoch: cluster.broker(id).broker!.epoch,
  };
}

/** The state of the partition as ZooKeeper has it, as a row of LeaderAndIsr. */
export function rowOf(cluster: SimCluster, tp = TP) {
  return {
    ...tp,
    ...cluster.stateOf(tp)!,
    isr: [...cluster.stateOf(tp)!.isr],
    replicas: [...cluster.assignmentOf(tp)],
    isNew: false,
  };
}
