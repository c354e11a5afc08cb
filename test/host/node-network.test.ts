/** The bounds of the socket server over real sockets: what Node and the kernel buffer is counted too. */
import * as net from 'node:net';
import { sleep } from '../../src/common/host';
import { silentLog, nodeClock } from '../../src/host/node-host';
import { NodeNetwork } from '../../src/host/node-network';
import { Metrics } from '../../src/common/metrics';
import { DeferredResponse } from '../../src/network/server-connection';
import { SocketServer } from '../../src/network/socket-server';
import { FrameParser } from '../../src/protocol/frame-parser';
import { fetch } from '../../src/protocol/messages/produce-fetch';
import { encodeRequest } from '../../src/protocol/wire';

const ANSWER_BYTES = 8 * 1024 * 1024;
const ROW = { partitionIndex: 0, errorCode: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: 0 };
const FETCH = Buffer.concat(encodeRequest(fetch, 1, 'x', {
  replicaId: -1, replicaEpoch: -1, maxWaitMs: 0, minBytes: 0, maxBytes: 0, isolationLevel: 0, topics: [],
}));

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(nodeClock, 1);
}

test('a peer that asks twenty times and does not read gets one answer built, and all when it reads', async () => {
  let built = 0;
  const answer = () => new DeferredResponse(() => {
    built++;
    const partitions = [{ ...ROW, records: [Buffer.alloc(ANSWER_BYTES)] }];
    return { errorCode: 0, responses: [{ topic: 't', partitions }] };
  });
  const server = new SocketServer({ network: new NodeNetwork(), clock: nodeClock }, answer, {
    maxFrameBytes: 1 << 20, queuedMaxRequestBytes: 1 << 20, queuedMaxResponseBytes: 1 << 30, maxIdleMs: -1,
    connections: {
      maxConnections: 10, creationRate: Infinity, maxPerIp: 10, perIpOverrides: new Map(), listeners: new Map(),
    },
    brokerListeners: [], interBrokerListener: 'CLIENT', isLiveBroker: () => true, log: silentLog,
  });
  const metrics = new Metrics();
  server.registerGauges(metrics);
  const used = () => metrics.snapshot()['kafka.network:type=SocketServer,name=ResponseMemoryUsed']!;
  const port = await server.listen('PLAINTEXT', '127.0.0.1', 0);
  const peer = net.connect(port, '127.0.0.1');
  peer.pause();
  peer.write(Buffer.concat(Array.from({ length: 20 }, () => FETCH)));
  await until(() => built > 0 && used() >= ANSWER_BYTES);
  expect(built).toBeLessThanOrEqual(2);
  let received = 0;
  const parser = new FrameParser(1 << 30);
  peer.on('data', (chunk: Buffer) => parser.push(chunk, () => { received++; }));
  peer.resume();
  await until(() => received === 20 && used() === 0);
  expect(built).toBe(20);
  peer.destroy();
  await server.close();
});
