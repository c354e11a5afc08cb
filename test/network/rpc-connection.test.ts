/** The asking side: every promise settles, whatever the peer answers. */
import { Connection } from '../../src/common/host';
import { KafkaError } from '../../src/common/errors';
import { ConnectionPool } from '../../src/network/connection-pool';
import { RpcConnection } from '../../src/network/rpc-connection';
import { apiByKey } from '../../src/protocol/apis';
import { FrameParser } from '../../src/protocol/frame-parser';
import { apiVersions, metadata } from '../../src/protocol/messages/metadata';
import { decodeRequest, encodeResponse } from '../../src/protocol/wire';
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { World } from '../../src/simulation/world';

const VERSIONS = { errorCode: 0, apiKeys: [], brokerId: 1, clusterId: 'c' };
const ANSWER = { brokers: [], clusterId: 'c', controllerId: 1, topics: [] };
const ASKED = { topics: [], allTopics: true, allowAutoTopicCreation: false };

/** A connection to a peer whose answers to all but ApiVersions the test writes. */
async function connected(answer: (correlationId: number, peer: Connection) => void) {
  const world = new World('rpc-connection');
  const network = new SimNetwork(world);
  const server = new SimHost(world, network, 'server').boot();
  await server.network.listen('server', 9092, (peer) => {
    const parser = new FrameParser(1_000_000);
    peer.onData((chunk) =>
      parser.push(chunk, (frame) => {
        const { header, api } = decodeRequest(frame, apiByKey);
        if (api.key === apiVersions.key)
          peer.write(encodeResponse(apiVersions, header.correlationId, VERSIONS));
        else answer(header.correlationId, peer);
      }),
    );
  });
  const client = new SimHost(world, network, 'client').boot();
  const options = { clientId: 'x', requestTimeoutMs: 1000 };
  const opening = RpcConnection.open(client, { host: 'server', port: 9092 }, options);
  const connection = await world.complete(opening, 1000, 'connecting');
  const ask = () =>
    connection.request(metadata, ASKED).then(
      () => 'answered',
      (error: KafkaError) => error.errorName,
    );
  const outcomes = (asked: Promise<string>[]) => world.complete(Promise.all(asked), 5000, 'every promise');
  return { world, connection, ask, outcomes };
}

test('a response that comes where another was expected fails every open request, that one too', async () => {
  const { ask, outcomes, connection } = await connected((id, peer) => {
    if (id === 3) peer.write(encodeResponse(metadata, 3, ANSWER));
  });
  expect(await outcomes([ask(), ask(), ask()])).toEqual(['DISCONNECTED', 'DISCONNECTED', 'DISCONNECTED']);
  expect(connection.isOpen).toBe(false);
});

test('a response that cannot be read fails its request and all that are open', async () => {
  const { ask, outcomes } = await connected((id, peer) => {
    if (id === 1) peer.write(encodeResponse(metadata, 1, ANSWER));
    if (id === 2) peer.write(encodeResponse(apiVersions, 2, VERSIONS));
  });
  expect(await outcomes([ask(), ask(), ask()])).toEqual(['answered', 'DISCONNECTED', 'DISCONNECTED']);
});

test('without a response in time the request is REQUEST_TIMED_OUT, and the connection ends', async () => {
  const { ask, outcomes, connection } = await connected(() => {});
  expect(await outcomes([ask(), ask()])).toEqual(['REQUEST_TIMED_OUT', 'REQUEST_TIMED_OUT']);
  expect(connection.isOpen).toBe(false);
});

test('a request that cannot be written down fails alone', async () => {
  const { connection, ask, outcomes } = await connected((id, peer) => {
    peer.write(encodeResponse(metadata, id, ANSWER));
  });
  await expect(connection.request(metadata, {} as never)).rejects.toThrow();
  expect(await outcomes([ask(), ask()])).toEqual(['answered', 'answered']);
});

test('a pool leaves a connection that was idle before its broker does, and opens another one', async () => {
  const world = new World('idle-pool');
  const network = new SimNetwork(world);
  const server = new SimHost(world, network, 'server').boot();
  let accepted = 0;
  await server.network.listen('server', 9092, (peer) => {
    accepted++;
    const parser = new FrameParser(1_000_000);
    peer.onData((chunk) =>
      parser.push(chunk, (frame) => {
        const { header, api } = decodeRequest(frame, apiByKey);
        const isFirst = api.key === apiVersions.key;
        const answer = isFirst
          ? encodeResponse(apiVersions, header.correlationId, VERSIONS)
          : encodeResponse(metadata, header.correlationId, ANSWER);
        peer.write(answer);
      }),
    );
  });
  const client = new SimHost(world, network, 'client').boot();
  const pool = new ConnectionPool(client, {
    clientId: 'x',
    requestTimeoutMs: 1000,
    reconnectBackoffMs: 10,
    reconnectBackoffMaxMs: 10,
  });
  const ask = () =>
    world.complete(pool.request({ host: 'server', port: 9092 }, metadata, ASKED), 5000, 'the answer');
  await ask();
  await world.run(world.nowMs + 500_000);
  await ask();
  expect(accepted).toBe(1);
  await world.run(world.nowMs + 550_000);
  await ask();
  expect(accepted).toBe(2);
});
