/**
 * The answering side under peers that want too much: whose requests are read, when, and what ends a
 * connection.
 */
import { Connection } from '../../src/common/host';
import { Metrics } from '../../src/common/metrics';
import { ConnectionLimits } from '../../src/network/connection-quotas';
import {
  CloseConnection,
  DeferredResponse,
  RequestContext,
  Serve,
} from '../../src/network/server-connection';
import { SocketServer, SocketServerOptions } from '../../src/network/socket-server';
import { FrameParser } from '../../src/protocol/frame-parser';
import { heartbeat, joinGroup } from '../../src/protocol/messages/groups';
import { metadata } from '../../src/protocol/messages/metadata';
import { fetch, produce } from '../../src/protocol/messages/produce-fetch';
import { updateMetadata } from '../../src/protocol/messages/replica-control';
import { Api } from '../../src/protocol/schema';
import { encodeRequest, isBrokerRequest, responseCorrelationId } from '../../src/protocol/wire';
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { World } from '../../src/simulation/world';

/** Small, so that a thousand bytes are a large request. */
const BUDGET = 2000;
/** Of brokers that are alive. */
const BROKER_EPOCH = 77;
const quiet = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugOn: false,
  child: () => quiet,
};

const frameOf = <Q, R>(api: Api<Q, R>, body: Q, clientId = 'x') =>
  Buffer.concat(encodeRequest(api, 1, clientId, body));
const produceFrame = (bytes: number, acks = -1) =>
  frameOf(produce, {
    acks,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: [Buffer.alloc(bytes)] }] }],
  });
const fetchFrame = (replicaId: number, partitions: number, replicaEpoch = BROKER_EPOCH) =>
  frameOf(fetch, {
    replicaId,
    replicaEpoch,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 0,
    isolationLevel: 0,
    topics: [
      {
        topic: 't',
        partitions: Array.from({ length: partitions }, (_, partition) => ({
          partition,
          currentLeaderEpoch: 0,
          fetchOffset: 0,
          logStartOffset: 0,
          partitionMaxBytes: 1,
        })),
      },
    ],
  });
const metadataFrame = (names: number) =>
  frameOf(metadata, {
    topics: Array.from({ length: names }, (_, i) => `topic-number-${i}`),
    allTopics: false,
    allowAutoTopicCreation: false,
  });
const joinFrame = (bytes: number) =>
  frameOf(joinGroup, {
    groupId: 'g',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(bytes) }],
  });
const METADATA_ANSWER = { brokers: [], clusterId: 'c', controllerId: 1, topics: [] };

const limits = (maxConnections: number): ConnectionLimits => ({
  maxConnections,
  creationRate: Infinity,
  maxPerIp: Infinity,
  perIpOverrides: new Map(),
  listeners: new Map(),
});

/** A server whose handlers the test writes; it keeps the names of the APIs that were asked. */
async function serverWith(serve: Serve, options: Partial<SocketServerOptions> = {}) {
  const world = new World('socket-server');
  const network = new SimNetwork(world);
  const host = new SimHost(world, network, 'server').boot();
  const asked: string[] = [];
  const server = new SocketServer(
    host,
    (api, body, context) => {
      asked.push(api.name);
      return serve(api, body, context);
    },
    {
      maxFrameBytes: 1_000_000,
      queuedMaxRequestBytes: BUDGET,
      queuedMaxResponseBytes: 1_000_000,
      connections: limits(1000),
      maxIdleMs: -1,
      brokerListeners: [],
      interBrokerListener: 'CLIENT',
      isLiveBroker: (_, epoch) => epoch === BROKER_EPOCH,
      log: quiet,
      ...options,
    },
  );
  await server.listen('CLIENT', 'server', 9092);
  await server.listen('BROKER', 'server', 9093);
  const metrics = new Metrics();
  server.registerGauges(metrics);
  let clients = 0;
  const dial = async (port = 9092) => {
    const client = new SimHost(world, network, `client-${++clients}`).boot();
    const connection = await world.complete(client.network.dial('server', port, 1000), 1000, 'dialling');
    const received: Buffer[] = [];
    const peer = {
      connection,
      received,
      closed: undefined as string | undefined,
      write: (bytes: Buffer) => connection.write([bytes]),
    };
    connection.onData((chunk) => received.push(chunk));
    connection.onClose((reason) => {
      peer.closed = reason;
    });
    return peer;
  };
  const gauge = (name: string) => metrics.snapshot()[`kafka.network:type=SocketServer,name=${name}`];
  return { world, dial, asked, server, gauge, pass: (ms: number) => world.run(world.nowMs + ms) };
}

/** The whole frame, but its last byte: it stays incomplete. */
const allButOne = (frame: Buffer) => frame.subarray(0, frame.length - 1);
const lastByte = (frame: Buffer) => frame.subarray(frame.length - 1);
const never = () => new Promise<never>(() => {});
/** In two pieces, so that the frame is not complete when the first has come. */
function halves(peer: { connection: Connection }, frame: Buffer): void {
  peer.connection.write([frame.subarray(0, 600)]);
  peer.connection.write([frame.subarray(600)]);
}

test('requests that wait give their room back: others are read while hundreds of them wait', async () => {
  const { dial, asked, gauge, pass } = await serverWith(never);
  for (let i = 0; i < 200; i++) halves(await dial(), i % 2 ? produceFrame(1900) : joinFrame(1900));
  await pass(100);
  expect(asked.length).toBe(200);
  expect(gauge('RequestsInProgress')).toBe(200);
  expect(gauge('MemoryPoolUsed')).toBe(0);
  halves(await dial(), metadataFrame(100));
  await pass(100);
  expect(asked.length).toBe(201);
});

test('what brokers send each other is read while clients hold all the room for requests', async () => {
  const { dial, asked, gauge, pass } = await serverWith(() => undefined);
  for (const bytes of [1500, 1500, 1500]) (await dial()).write(allButOne(produceFrame(bytes)));
  await pass(10);
  expect(gauge('MemoryPoolUsed')).toBeGreaterThan(BUDGET);
  halves(await dial(), fetchFrame(2, 100));
  halves(
    await dial(),
    frameOf(updateMetadata, {
      controllerId: 1,
      controllerEpoch: 1,
      brokerEpoch: 1,
      partitionStates: [],
      liveBrokers: Array.from({ length: 100 }, (_, id) => ({ id, epoch: 1, rack: null, endpoints: [] })),
    }),
  );
  halves(await dial(), fetchFrame(-1, 100));
  await pass(10);
  expect(asked.sort()).toEqual(['Fetch', 'UpdateMetadata']);
});

test('with a listener of their own, brokers are known by it and never refused', async () => {
  const { dial, asked, pass } = await serverWith(() => undefined, {
    brokerListeners: ['BROKER'],
    interBrokerListener: 'BROKER',
    connections: limits(3),
  });
  for (const bytes of [1500, 1500]) (await dial()).write(allButOne(produceFrame(bytes)));
  const liar = await dial();
  halves(liar, fetchFrame(2, 100));
  const refused = await dial();
  await pass(10);
  expect(refused.closed).toBeDefined();
  expect(asked).toEqual([]);
  halves(await dial(9093), metadataFrame(100));
  await pass(10);
  expect(asked).toEqual(['Metadata']);
});

test('who announces a request and does not send it loses the connection when others wait', async () => {
  const { dial, asked, gauge, pass } = await serverWith(() => METADATA_ANSWER);
  const slow = [await dial(), await dial()];
  for (const peer of slow) peer.write(allButOne(produceFrame(1900)));
  await pass(600_000);
  expect(slow.map(({ closed }) => closed)).toEqual([undefined, undefined]);
  const honest = await dial();
  halves(honest, metadataFrame(100));
  await pass(29_000);
  expect(asked).toEqual([]);
  await pass(2_000);
  expect(slow[0]!.closed).toBeDefined();
  expect(asked).toEqual(['Metadata']);
  expect(honest.closed).toBeUndefined();
  for (const peer of [...slow, honest]) peer.connection.destroy('done');
  await pass(100);
  expect([gauge('MemoryPoolUsed'), gauge('ConnectionCount'), gauge('RequestsInProgress')]).toEqual([0, 0, 0]);
});

test('room is granted in the order it was asked for', async () => {
  const order: number[] = [];
  const { dial, pass } = await serverWith((_api: Api, body: unknown) => {
    order.push((body as { timeoutMs: number }).timeoutMs);
  });
  const holder = await dial();
  const held = produceFrame(2500);
  holder.write(allButOne(held));
  await pass(10);
  for (let i = 0; i < 5; i++) {
    halves(
      await dial(),
      frameOf(produce, {
        acks: 1,
        timeoutMs: i,
        topicData: [{ name: 't', partitionData: [{ index: 0, records: [Buffer.alloc(2500)] }] }],
      }),
    );
    await pass(10);
  }
  expect(order).toEqual([]);
  holder.write(lastByte(held));
  await pass(10);
  expect(order).toEqual([1000, 0, 1, 2, 3, 4]);
});

test('a connection gets ahead of its answers only while there is memory for what waits', async () => {
  const { dial, asked, gauge, pass } = await serverWith(never);
  const first = await dial();
  for (let i = 0; i < 20; i++) {
    first.write(joinFrame(100));
    await pass(5);
  }
  expect(asked.length).toBeLessThan(20);
  expect(gauge('WaitingRequestBytes')).toBeGreaterThanOrEqual(BUDGET);
  const before = asked.length;
  const others = [await dial(), await dial()];
  for (let i = 0; i < 3; i++) {
    for (const peer of others) peer.write(joinFrame(100));
    await pass(5);
  }
  expect(asked.length).toBe(before + 2);
  first.connection.destroy('gone');
  await pass(10);
  expect(asked.length).toBe(before + 6);
});

test('acks 0: after an error the answers before are sent and the connection is closed', async () => {
  let acknowledge = (_response: unknown) => {};
  const { dial, asked, pass } = await serverWith((_api: Api, body: unknown) => {
    const { acks } = body as { acks: number };
    return acks === 0
      ? new CloseConnection('error')
      : new Promise((resolve) => {
          acknowledge = resolve;
        });
  });
  const peer = await dial();
  peer.write(Buffer.concat([produceFrame(10, -1), produceFrame(10, 0), produceFrame(10, 0)]));
  await pass(100);
  peer.write(produceFrame(10, 0));
  await pass(100);
  expect(asked.length).toBe(2);
  expect(peer.closed).toBeUndefined();
  acknowledge({ responses: [] });
  await pass(0);
  await pass(100);
  expect(peer.received.length).toBe(1);
  expect(peer.closed).toBeDefined();
});

test('a request that waits is told when its peer is gone, and one that was answered is not', async () => {
  const gone: string[] = [];
  const { dial, pass } = await serverWith((api: Api, _body: unknown, { asker }: RequestContext) => {
    asker.onGone(() => gone.push(api.name));
    return api.name === 'Metadata' ? METADATA_ANSWER : never();
  });
  const peer = await dial();
  peer.write(Buffer.concat([metadataFrame(1), joinFrame(10)]));
  await pass(100);
  peer.connection.destroy('gone');
  await pass(100);
  expect(gone).toEqual(['JoinGroup']);
});

test('a request that asks only then whether its peer is gone is told so', async () => {
  const gone: string[] = [];
  let proceed = () => {};
  const { dial, pass } = await serverWith(async (api: Api, _body: unknown, { asker }: RequestContext) => {
    await new Promise<void>((resolve) => {
      proceed = resolve;
    });
    asker.onGone(() => gone.push(api.name));
    return never();
  });
  const peer = await dial();
  peer.write(metadataFrame(1));
  await pass(100);
  peer.connection.destroy('gone');
  await pass(100);
  proceed();
  await pass(0);
  expect(gone).toEqual(['Metadata']);
});

test('a broker is known by its request: control, or replication under a broker id', () => {
  const isLive = (id: number, epoch: number) => id === 0 && epoch === BROKER_EPOCH;
  const isBroker = (frame: Buffer) => isBrokerRequest(frame.subarray(4, 260), isLive);
  expect(isBroker(fetchFrame(0, 1000))).toBe(true);
  expect(isBroker(fetchFrame(-1, 1000))).toBe(false);
  expect(isBroker(produceFrame(1000))).toBe(false);
  const all = { topics: [], allTopics: true, allowAutoTopicCreation: false };
  expect(isBroker(frameOf(metadata, all, 'c'.repeat(1000)))).toBe(false);
  for (const bytes of ['', '95', '94040102a178', '95c0', '950100', 'ffffffff'])
    expect(isBrokerRequest(Buffer.from(bytes, 'hex'), isLive)).toBe(false);
});

test('a client that writes a broker id into its Fetch gets nothing of what is kept for brokers', async () => {
  const { dial, pass, gauge } = await serverWith(never);
  const [claims, follows] = [await dial(), await dial()];
  claims.write(fetchFrame(1, 1000, -1).subarray(0, 500));
  await pass(100);
  expect(gauge('BrokerMemoryPoolUsed')).toBe(0);
  expect(gauge('MemoryPoolUsed')).toBeGreaterThan(0);
  follows.write(fetchFrame(1, 1000).subarray(0, 500));
  await pass(100);
  expect(gauge('BrokerMemoryPoolUsed')).toBeGreaterThan(0);
});

test('answers leave in the order of the requests, whichever is ready first', async () => {
  const answers: ((response: unknown) => void)[] = [];
  const { dial, pass } = await serverWith(
    () =>
      new Promise((resolve) => {
        answers.push(resolve);
      }),
  );
  const peer = await dial();
  const one = (correlationId: number) =>
    Buffer.concat(
      encodeRequest(heartbeat, correlationId, 'x', {
        groupId: 'g',
        generationId: 1,
        memberId: 'm',
        groupInstanceId: null,
      }),
    );
  peer.write(Buffer.concat([one(1), one(2), one(3)]));
  await pass(10);
  for (const answer of [...answers].reverse()) {
    answer({ errorCode: 0 });
    await pass(0);
  }
  await pass(10);
  const ids: number[] = [];
  const parser = new FrameParser(1_000_000);
  for (const chunk of peer.received) parser.push(chunk, (frame) => ids.push(responseCorrelationId(frame)));
  expect(ids).toEqual([1, 2, 3]);
});

/** A large answer: as many bytes of records as asked for, or as there is room. */
const fetchAnswer = (bytes: number) => ({
  errorCode: 0,
  responses: [
    {
      topic: 't',
      partitions: [
        {
          partitionIndex: 0,
          errorCode: 0,
          highWatermark: 1,
          lastStableOffset: 1,
          logStartOffset: 0,
          records: [Buffer.alloc(bytes)],
        },
      ],
    },
  ],
});
const LARGE = 200_000;

test('answers are built when those before them have left: many large ones asked for at once take memory for one', async () => {
  let built = 0;
  const { dial, asked, gauge, pass } = await serverWith(
    () =>
      new DeferredResponse(() => {
        built++;
        return fetchAnswer(LARGE);
      }),
  );
  const peer = await dial();
  peer.connection.pause();
  peer.write(Buffer.concat(Array.from({ length: 300 }, () => fetchFrame(-1, 1))));
  await pass(1000);
  expect([built, asked.length]).toEqual([1, 1]);
  expect(gauge('ResponseMemoryUsed')).toBeGreaterThan(LARGE);
  peer.connection.resume();
  await pass(60_000);
  expect(built).toBe(300);
  expect(gauge('ResponseMemoryUsed')).toBe(0);
});

test('beyond the memory for answers the next one is built when a peer has taken its own', async () => {
  const room: number[] = [];
  const { dial, gauge, pass } = await serverWith(
    () =>
      new DeferredResponse((maxBytes) => {
        room.push(maxBytes);
        return fetchAnswer(LARGE);
      }),
    { queuedMaxResponseBytes: 500_000 },
  );
  const peers = [];
  for (let i = 0; i < 10; i++) {
    const peer = await dial();
    peer.connection.pause();
    peer.write(fetchFrame(-1, 1));
    await pass(10);
    peers.push(peer);
  }
  expect(room.map((bytes) => Math.round(bytes / 100_000))).toEqual([5, 3, 1]);
  expect(gauge('ResponseMemoryUsed')).toBeLessThan(500_000 + LARGE);
  const broker = await dial();
  broker.write(fetchFrame(2, 1));
  await pass(10);
  expect(broker.received.length).toBeGreaterThan(0);
  peers[0]!.connection.resume();
  await pass(10);
  expect(room.length).toBe(5);
});

test('who does not take his answers loses the connection when others wait for the memory', async () => {
  const { dial, pass } = await serverWith(() => new DeferredResponse(() => fetchAnswer(LARGE)), {
    queuedMaxResponseBytes: LARGE,
  });
  const mute = await dial();
  mute.connection.pause();
  mute.write(fetchFrame(-1, 1));
  await pass(600_000);
  expect(mute.closed).toBeUndefined();
  const honest = await dial();
  honest.write(fetchFrame(-1, 1));
  await pass(29_000);
  expect(honest.received.length).toBe(0);
  await pass(2_000);
  expect(mute.closed).toBeDefined();
  expect(honest.received.length).toBeGreaterThan(0);
});

test('a request with a large answer is in progress alone; what comes behind it is not started', async () => {
  let answer = (_response: unknown) => {};
  const { dial, asked, pass } = await serverWith((api: Api) =>
    api.name === 'Produce'
      ? never()
      : new Promise((resolve) => {
          answer = resolve;
        }),
  );
  const one = await dial();
  one.write(Buffer.concat([fetchFrame(-1, 1), produceFrame(10), produceFrame(10), fetchFrame(-1, 1)]));
  await pass(10);
  expect(asked).toEqual(['Fetch']);
  answer(new DeferredResponse(() => fetchAnswer(1)));
  await pass(10);
  expect(asked).toEqual(['Fetch', 'Produce', 'Produce']);
});

test('a connection on which nothing moves is closed after connections.max.idle.ms, one that is used is not', async () => {
  const { dial, gauge, pass } = await serverWith(() => METADATA_ANSWER, { maxIdleMs: 10_000 });
  const [idle, used] = [await dial(), await dial()];
  for (let i = 0; i < 5; i++) {
    await pass(4000);
    used.write(metadataFrame(1));
  }
  expect([idle.closed === undefined, used.closed]).toEqual([false, undefined]);
  expect(gauge('ConnectionCount')).toBe(1);
});

test('a request larger than its API allows, in bytes or in rows, ends the connection before it is decoded', async () => {
  const { dial, asked, pass } = await serverWith(() => METADATA_ANSWER, { maxFrameBytes: 100_000_000 });
  const [rows, bytes] = [await dial(), await dial()];
  rows.write(
    frameOf(metadata, {
      topics: new Array(20_001).fill('t'),
      allTopics: false,
      allowAutoTopicCreation: false,
    }),
  );
  bytes.write(joinFrame(9 * 1024 * 1024));
  await pass(100);
  expect([rows.closed === undefined, bytes.closed === undefined]).toEqual([false, false]);
  expect(asked).toEqual([]);
});

test('when the memory for requests is used up that is said, and not a thousand times', async () => {
  const lines: string[] = [];
  const log = {
    ...quiet,
    warn: (line: string) => {
      lines.push(line);
    },
  };
  const { dial, pass } = await serverWith(never, { log });
  for (let i = 0; i < 50; i++) {
    (await dial()).write(allButOne(produceFrame(1900)));
    await pass(10);
  }
  expect(lines.filter((line) => line.startsWith('queued.max.request.bytes (2000) of clients')).length).toBe(
    1,
  );
});

test('a request whose handler still works on it keeps its room, and what comes behind it is not started', async () => {
  let release = () => {};
  const { dial, asked, gauge, pass } = await serverWith(
    (_api: Api, _body: unknown, { asker }: RequestContext) => {
      release = asker.hold();
      return never();
    },
  );
  const peer = await dial();
  halves(peer, produceFrame(1500));
  peer.write(produceFrame(10));
  await pass(100);
  expect(asked).toEqual(['Produce']);
  expect(gauge('MemoryPoolUsed')).toBeGreaterThan(1500);
  release();
  await pass(10);
  expect(asked).toEqual(['Produce', 'Produce']);
  expect(gauge('MemoryPoolUsed')).toBe(0);
});

test('where there is no room for a new connection the one that is idle for longest gives way, and none that is used', async () => {
  const { dial, gauge, pass } = await serverWith(
    (api: Api) => (api.name === 'JoinGroup' ? never() : METADATA_ANSWER),
    {
      connections: limits(3),
    },
  );
  const [waiting, longest, idle] = [await dial(), await dial(), await dial()];
  waiting.write(joinFrame(10));
  await pass(500);
  longest.write(metadataFrame(1));
  await pass(500);
  idle.write(metadataFrame(1));
  const early = await dial();
  await pass(9500);
  expect(early.closed).toBeDefined();
  const late = await dial();
  late.write(metadataFrame(1));
  await pass(100);
  expect([waiting, longest, idle, late].map(({ closed }) => closed === undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect(late.received.length).toBe(1);
  expect(gauge('ConnectionCount')).toBe(3);
});

test('room goes from one slow peer to the next for 30 s each: who waits behind them gets it in the end', async () => {
  const { dial, asked, pass } = await serverWith(() => METADATA_ANSWER);
  const slow = [await dial(), await dial(), await dial()];
  for (const peer of slow) {
    peer.write(allButOne(produceFrame(2100)));
    await pass(10);
  }
  halves(await dial(), metadataFrame(200));
  await pass(31_000);
  expect(slow.map(({ closed }) => closed === undefined)).toEqual([false, true, true]);
  await pass(62_000);
  expect(slow.map(({ closed }) => closed === undefined)).toEqual([false, false, false]);
  expect(asked).toEqual(['Metadata']);
});

test('a request that is still worked on keeps its room when its peer is gone', async () => {
  let release = () => {};
  const { dial, asked, gauge, pass } = await serverWith(
    (api: Api, _body: unknown, { asker }: RequestContext) => {
      if (api.name !== 'Produce') return METADATA_ANSWER;
      release = asker.hold();
      return never();
    },
  );
  const gone = await dial();
  halves(gone, produceFrame(2100));
  await pass(10);
  gone.connection.destroy('gone');
  halves(await dial(), metadataFrame(200));
  await pass(100);
  expect(asked).toEqual(['Produce']);
  expect(gauge('MemoryPoolUsed')).toBeGreaterThan(2100);
  release();
  await pass(100);
  expect(asked).toEqual(['Produce', 'Metadata']);
  expect(gauge('MemoryPoolUsed')).toBe(0);
});

test('nobody loses the connection for the time that the broker takes for what has come', async () => {
  let release = () => {};
  const { dial, asked, pass } = await serverWith((api: Api, _body: unknown, { asker }: RequestContext) => {
    if (api.name !== 'Produce') return METADATA_ANSWER;
    release = asker.hold();
    return never();
  });
  const worked = await dial();
  halves(worked, produceFrame(2100));
  await pass(10);
  const slow = await dial();
  slow.write(allButOne(produceFrame(2100)));
  halves(await dial(), metadataFrame(200));
  await pass(100_000);
  expect(worked.closed).toBeUndefined();
  expect(asked).toEqual(['Produce']);
  release();
  await pass(29_000);
  expect([slow.closed, asked]).toEqual([undefined, ['Produce']]);
  await pass(32_000);
  expect(slow.closed).toBeDefined();
  expect(asked).toEqual(['Produce', 'Metadata']);
});

test('where brokers have a listener of their own, none of their connections gives way to one of a client', async () => {
  const { dial, pass } = await serverWith(() => METADATA_ANSWER, {
    connections: limits(2),
    brokerListeners: ['BROKER'],
    interBrokerListener: 'BROKER',
  });
  const broker = await dial(9093);
  await pass(10);
  const client = await dial();
  await pass(10_000);
  const late = await dial();
  await pass(100);
  expect([broker, client, late].map(({ closed }) => closed === undefined)).toEqual([true, false, true]);
});

test('a small request that waited for memory of other requests starts when there is some', async () => {
  const { dial, asked, pass } = await serverWith(never, { queuedMaxRequestBytes: 200_000 });
  const full = await dial();
  halves(full, joinFrame(200_000));
  const two = await dial();
  two.write(joinFrame(10));
  await pass(100);
  two.write(joinFrame(10));
  await pass(100);
  expect(asked.length).toBe(2);
  full.connection.destroy('gone');
  await pass(100);
  expect(asked.length).toBe(3);
});
