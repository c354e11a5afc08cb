/** Brokers as processes, with listeners of their own: what comes over which socket. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { errorName } from '../../src/common/errors';
import { BrokerProcess } from '../../src/lab/broker-process';
import { LabCluster, profiles } from '../../src/lab/lab-cluster';
import { RpcConnection } from '../../src/network/rpc-connection';
import { stopReplica } from '../../src/protocol/messages/replica-control';
import { freshChroot } from '../support/real-zk';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-listeners-test-'));
const names = ['CLIENTS', 'BROKERS', 'CONTROL'];
const settings = {
  'listeners': names.map((name) => `${name}://127.0.0.1:0`).join(),
  'listener.security.protocol.map': names.map((name) => `${name}:PLAINTEXT`).join(),
  'inter.broker.listener.name': 'BROKERS',
  'control.plane.listener.name': 'CONTROL',
};
let cluster: LabCluster<BrokerProcess>;

beforeAll(async () => {
  const zookeeper = await freshChroot();
  cluster = await LabCluster.start({ directory, brokers: 2, profile: profiles.test!, zookeeper, settings });
});
afterAll(async () => {
  await cluster.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

test('processes replicate and are controlled over listeners of their own, and refuse it on all others', async () => {
  await cluster.createTopic('t', new Map([[0, [1, 2]]]));
  const refused: string[] = [];
  for (const name of names) {
    const address = { host: '127.0.0.1', port: cluster.broker(1).portOf(name) };
    const options = { clientId: 'test', requestTimeoutMs: 60000 };
    const connection = await RpcConnection.open(cluster.host, address, options);
    const body = { controllerId: 9, controllerEpoch: 2 ** 31 - 1, brokerEpoch: 0, partitionStates: [] };
    const { errorCode } = await connection.request(stopReplica, body);
    refused.push(`${name} ${errorName(errorCode)}`);
    connection.close();
  }
  expect(refused).toEqual(names.map((name) => `${name} CLUSTER_AUTHORIZATION_FAILED`));
  expect(fs.readFileSync(cluster.broker(1).logFile, 'utf8')).toContain('ZooKeeper knows no such epoch');
});
