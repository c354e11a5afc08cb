/** The bounds of the socket server over real sockets: what Node and the kernel buffer is counted too. */
import * as net from 'node:net';
import { sleep } from '../../src/common/host';
import { silentLog, nodeClock } from '../../src/host/node-host';
import { NodeNetwork } from '../../src/host/node-network';
import { Metrics } from '../../src/common/metrics';
import { CloseConnection, DeferredResponse, Serve } from '../../src/network/server-connection';
import { SocketServer } from '../../src/network/socket-server';
import { FrameParser } from '../../src/protocol/frame-parser';
import { heartbeat, syncGroup } from '../../src/protocol/messages/groups';
import { fetch } from '../../src/protocol/messages/produce-fetch';
import { encodeRequest } from '../../src/protocol/wire';

const ANSWER_BYTES = 8 * 1024 * 1024;
const ROW = { partitionIndex: 0, errorCode: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: 0 };
const FETCH = Buffer.concat(
  encodeRequest(fetch, 1, 'x', {
    replicaId: -1,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 0,
    isolationLevel: 0,
    topics: [],
  }),
);

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(nodeClock, 1);
}

/** A server on a real socket, and a peer of it. */
async function served(serve: Serve) {
  const server = new SocketServer({ network: new NodeNetwork(), clock: nodeClock }, serve, {
    maxFrameBytes: 1 << 20,
    queuedMaxRequestBytes: 1 << 20,
    queuedMaxResponseBytes: 1 << 30,
    maxIdleMs: -1,
    connections: {
      maxConnections: 10,
      creationRate: Infinity,
      maxPerIp: 10,
      perIpOverrides: new Map(),
      listeners: new Map(),
    },
    brokerListeners: [],
    interBrokerListener: 'CLIENT',
    isLiveBroker: () => true,
    log: silentLog,
  });
  const metrics = new Metrics();
  server.registerGauges(metrics);
  const used = () => metrics.snapshot()['kafka.network:type=SocketServer,name=ResponseMemoryUsed']!;
  const port = await server.listen('PLAINTEXT', '127.0.0.1', 0);
  return { server, used, peer: net.connect(port, '127.0.0.1') };
}

test('a peer that asks twenty times and does not read gets one answer built, and all when it reads', async () => {
  let built = 0;
  const answer = () =>
    new DeferredResponse(() => {
      built++;
      const partitions = [{ ...ROW, records: [Buffer.alloc(ANSWER_BYTES)] }];
      return { errorCode: 0, responses: [{ topic: 't', partitions }] };
    });
  const { server, used, peer } = await served(answer);
  peer.pause();
  peer.write(Buffer.concat(Array.from({ length: 20 }, () => FETCH)));
  await until(() => built > 0 && used() >= ANSWER_BYTES);
  expect(built).toBeLessThanOrEqual(2);
  let received = 0;
  const parser = new FrameParser(1 << 30);
  peer.on('data', (chunk: Buffer) =>
    parser.push(chunk, () => {
      received++;
    }),
  );
  peer.resume();
  await until(() => received === 20 && used() === 0);
  expect(built).toBe(20);
  peer.destroy();
  await server.close();
});

test('answers before the end of a connection arrive as a whole, whatever is answered behind it', async () => {
  const answers: ((answer: unknown) => void)[] = [];
  const { server, used, peer } = await served(
    () =>
      new Promise((resolve) => {
        answers.push(resolve);
      }),
  );
  const member = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null };
  const sync = { ...member, protocolType: null, protocolName: null, assignments: [] };
  const alive = Buffer.concat(encodeRequest(heartbeat, 2, 'x', member));
  peer.pause();
  peer.write(Buffer.concat([...encodeRequest(syncGroup, 1, 'x', sync), alive, alive]));
  await until(() => answers.length === 3);
  answers[0]!({
    errorCode: 0,
    protocolType: null,
    protocolName: null,
    assignment: Buffer.alloc(ANSWER_BYTES),
  });
  await until(() => used() >= ANSWER_BYTES);
  answers[1]!(new CloseConnection('an error'));
  await Promise.resolve();
  answers[2]!({ errorCode: 0 });
  let received = 0;
  let isClosed = false;
  peer.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  peer.on('error', () => {});
  peer.on('close', () => {
    isClosed = true;
  });
  await sleep(nodeClock, 0);
  peer.resume();
  await until(() => isClosed);
  expect(received).toBeGreaterThan(ANSWER_BYTES);
  await server.close();
});
