/**
 * The hardened ZooKeeper client against a real ZooKeeper behind a fault proxy: every known defect of the
 * library.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { FaultProxy } from '../../src/lab/fault-proxy';
import { until } from '../../src/lab/wait';
import { ZooKeeperProcess } from '../../src/lab/zookeeper-process';
import { parseConnectString, realZooKeeper } from '../../src/zk/real-zookeeper';
import { LIBRARY_CODES, LibraryConnection, setTransactionVersion } from '../../src/zk/zookeeper-library';
import { failOnRejection } from '../support/fail-on-rejection';
import { codeOf, freshChroot, Sessions, zkConnect, zkHost } from '../support/real-zk';

const sessions = new Sessions();
const proxies: FaultProxy[] = [];
let chroot: string;

async function proxied(): Promise<{ proxy: FaultProxy; zookeeper: ReturnType<typeof realZooKeeper> }> {
  const [host, port] = zkConnect().split(':');
  const proxy = await new FaultProxy({ host: host!, port: Number(port) }).listen();
  proxies.push(proxy);
  return {
    proxy,
    zookeeper: realZooKeeper(zkHost, `127.0.0.1:${proxy.port}${chroot.slice(chroot.indexOf('/'))}`),
  };
}

const direct = () => realZooKeeper(zkHost, chroot);
const has = (events: { type: string }[], type: string) =>
  until(`event ${type}`, () => events.some((event) => event.type === type));
const data = (text: string) => Buffer.from(text);

beforeEach(async () => {
  chroot = await freshChroot();
});
afterEach(async () => {
  for (const proxy of proxies) Object.assign(proxy, { blackHole: false, dropReplies: false, refuse: false });
  await sessions.closeAll();
  for (const proxy of proxies.splice(0)) await proxy.close();
});

test('P1: version 0 in a multi is a condition, for check, set and delete', async () => {
  const { session } = await sessions.session(direct());
  await session.create('/n', data('a'), 'persistent');
  await session.set('/n', data('b'), 0);
  for (const op of [
    { type: 'check', path: '/n', version: 0 },
    { type: 'set', path: '/n', data: data('x'), version: 0 },
    { type: 'delete', path: '/n', version: 0 },
  ] as const) {
    expect(await codeOf(session.multi([op]))).toBe('BAD_VERSION');
  }
  expect((await session.get('/n', false)).data.toString()).toBe('b');
  expect(
    await session.multi([
      { type: 'check', path: '/n', version: 1 },
      { type: 'set', path: '/n', data: data('c'), version: 1 },
    ]),
  ).toEqual([{}, { version: 2 }]);
  // What ZkConnection#sync is made of: a transaction that changes nothing goes through the leader all the
  // same.
  expect(await session.multi([{ type: 'check', path: '/n', version: -1 }])).toEqual([{}]);
});

test('a multi says which of its operations failed, and applies none of them', async () => {
  const { session } = await sessions.session(direct());
  await session.create('/n', data('a'), 'persistent');
  const failure = (paths: readonly string[]) =>
    session
      .multi([
        { type: 'check', path: paths[0]!, version: -1 },
        { type: 'set', path: paths[1]!, data: data('b'), version: 0 },
      ])
      .catch(({ code, failedOp }: { code: string; failedOp: number }) => `${code} ${failedOp}`);
  expect(await failure(['/missing', '/n'])).toBe('NO_NODE 0');
  expect(await failure(['/n', '/missing'])).toBe('NO_NODE 1');
  expect((await session.get('/n', false)).data.toString()).toBe('a');
  expect(await failure(['/n', '/n'])).toEqual([{}, { version: 1 }]);
});

test('P2, P7: a server that says nothing is noticed by our own clock: suspended, then lost; the session is resumed when it speaks', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session, events } = await sessions.session(zookeeper, 6000);
  await session.create('/mine', null, 'ephemeral');
  const { id } = session.credentials;
  proxy.blackHole = true;
  const pending = codeOf(session.get('/mine', false));
  await has(events, 'suspended');
  expect(await pending).toBe('CONNECTION_LOSS');
  await has(events, 'lost');
  proxy.blackHole = false;
  proxy.cut();
  await until('connected again or expired', () =>
    events.some((event) => event.type === 'connected' || event.type === 'expired'),
  );
  expect(session.credentials.id).toBe(id);
});

test('P3: a server that accepts and never answers does not hold a new session up; another is tried', async () => {
  const { proxy } = await proxied();
  proxy.blackHole = true;
  const both = realZooKeeper(zkHost, `127.0.0.1:${proxy.port},${chroot}`);
  for (let i = 0; i < 4; i++) expect((await sessions.session(both, 2000)).session.timeoutMs).toBe(2000);
});

test('P4: events that come in do not put off the pings: the session lives', async () => {
  const { session, events } = await sessions.session(direct(), 1500);
  const other = (await sessions.session(direct())).session;
  await session.create('/busy', data('0'), 'persistent');
  const armed = () => session.get('/busy', true).catch(() => undefined);
  session.onEvent((event) => {
    if (event.type === 'watch') failOnRejection(armed());
  });
  await armed();
  const until_ = Date.now() + 4000;
  for (let i = 0; Date.now() < until_; i++) await other.set('/busy', data(String(i)), -1);
  expect(events.some((event) => event.type === 'expired')).toBe(false);
  expect(await codeOf(session.exists('/busy', false))).toBe('ok');
}, 60000);

test('P5, P6: an expired session answers everything, says so once, and its ephemerals are gone', async () => {
  const { session, events } = await sessions.session(direct());
  await session.create('/mine', null, 'ephemeral');
  const thief = await sessions.session(direct(), 30000, session.credentials);
  const pending = Array.from({ length: 20 }, (_, i) => codeOf(session.create(`/q${i}`, null, 'persistent')));
  await thief.session.close();
  await has(events, 'expired');
  for (const code of await Promise.all(pending))
    expect(['ok', 'CONNECTION_LOSS', 'SESSION_EXPIRED']).toContain(code);
  expect(await codeOf(session.exists('/mine', false))).toBe('SESSION_EXPIRED');
  expect(await (await sessions.session(direct())).session.exists('/mine', false)).toBeNull();
  expect(events.filter((event) => event.type === 'expired')).toHaveLength(1);
});

test('P8: a session that the server refuses for good is given up', async () => {
  const { proxy, zookeeper } = await proxied();
  const { events } = await sessions.session(zookeeper, 1000);
  proxy.refuse = true;
  proxy.cut();
  await has(events, 'expired');
}, 60000);

test('P9: a connection cut in the middle of a reply, at any byte, costs one reconnect', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session, events } = await sessions.session(zookeeper, 20000);
  await session.create('/n', data('x'.repeat(200)), 'persistent');
  for (const bytes of [0, 1, 3, 4, 5, 10, 30, 100]) {
    const before = proxy.accepted;
    proxy.cutAfterBytes = bytes;
    expect(await codeOf(session.get('/n', false))).toBe('CONNECTION_LOSS');
    await until('connected', async () => (await codeOf(session.get('/n', false))) === 'ok');
    expect(proxy.accepted - before).toBeLessThanOrEqual(3);
  }
  expect(events.some((event) => event.type === 'expired')).toBe(false);
}, 60000);

test('P10, P28: garbage and empty packets from the server end the connection, not the process', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session } = await sessions.session(zookeeper, 20000);
  for (const garbage of [
    Buffer.alloc(4),
    Buffer.from([0, 0, 0, 16, ...Array(16).fill(0xfe)]),
    Buffer.from([0, 0, 0, 1, 7]),
  ]) {
    proxy.garbage = garbage;
    expect(['CONNECTION_LOSS', 'UNKNOWN']).toContain(await codeOf(session.exists('/', false)));
    proxy.cut();
    await until('usable again', async () => (await codeOf(session.exists('/', false))) === 'ok');
  }
});

test('P10: an error code the library does not know is an error of that call', async () => {
  const { session } = await sessions.session(direct());
  const exceptions = require('node-zookeeper-client/lib/Exception') as {
    create(code: number): { code: number };
  };
  expect(exceptions.create(-125).code).toBe(-125);
  expect(await codeOf(session.delete('/missing', -1))).toBe('NO_NODE');
});

test('P11: closing works in every state, twice, and towards a silent server', async () => {
  const { proxy, zookeeper } = await proxied();
  const silent = (await sessions.session(zookeeper, 20000)).session;
  proxy.blackHole = true;
  await silent.close();
  await silent.close();
  expect(await codeOf(silent.exists('/', false))).toBe('CLOSED');
  await expect(
    realZooKeeper(zkHost, '127.0.0.1:1').openSession({ sessionTimeoutMs: 1000, connectTimeoutMs: 300 }),
  ).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
});

test('P12, P13, P15: a listener that throws disturbs nobody, and retrying in a continuation does not spin', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session, events } = await sessions.session(zookeeper, 20000);
  session.onEvent(() => {
    throw new Error('a listener of ours failed');
  });
  let turns = 0;
  const retry = async (): Promise<void> => {
    turns++;
    if ((await codeOf(session.exists('/', false))) !== 'ok')
      return new Promise((resolve) => setImmediate(() => resolve(retry())));
  };
  proxy.cut();
  await retry();
  await has(events, 'suspended');
  expect(turns).toBeLessThan(100000);
});

test('P14: a write whose reply is lost is not sent again: it is reported as perhaps applied', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session } = await sessions.session(zookeeper, 20000);
  await session.create('/seq', null, 'persistent');
  proxy.dropReplies = true;
  const lost = session.create('/seq/n-', null, 'persistent-sequential').then(
    () => undefined,
    (error) => error,
  );
  const other = (await sessions.session(direct())).session;
  await until('the server applied it', async () => (await other.children('/seq', false)).length > 0);
  proxy.dropReplies = false;
  proxy.cut();
  expect(await lost).toMatchObject({ code: 'CONNECTION_LOSS', maybeApplied: true });
  await until('connected', async () => (await codeOf(session.exists('/', false))) === 'ok');
  expect(await other.children('/seq', false)).toEqual(['n-0000000000']);
});

test('P16: authentication goes first on every connection', async () => {
  const { proxy } = await proxied();
  const target = `127.0.0.1:${proxy.port}${chroot.slice(chroot.indexOf('/'))}`;
  const { session } = await sessions.session(
    realZooKeeper(zkHost, target, { auth: [{ scheme: 'digest', auth: data('me:secret') }] }),
    20000,
  );
  await session.create('/n', null, 'persistent');
  proxy.cut();
  await until('connected again', async () => (await codeOf(session.exists('/n', false))) === 'ok');
});

test('P17, P18: 12,000 watches and a reconnect: no packet of watches, one listener a path, and every watch is lost as promised', async () => {
  const { proxy, zookeeper } = await proxied();
  const { session, events } = await sessions.session(zookeeper, 30000);
  const paths = Array.from({ length: 12_000 }, (_, i) => `/${'p'.repeat(90)}${i}`);
  for (let i = 0; i < paths.length; i += 500)
    await Promise.all(paths.slice(i, i + 500).map((one) => session.exists(one, true)));
  for (let i = 0; i < 50; i++) await session.exists(paths[0]!, true);
  const before = proxy.accepted;
  proxy.cut();
  await has(events, 'suspended');
  await until('connected again', async () => (await codeOf(session.exists('/', false))) === 'ok');
  expect(proxy.accepted - before).toBeLessThanOrEqual(3);
  await session.create(paths[0]!, null, 'persistent');
  await session.exists('/', false);
  expect(events.filter((event) => event.type === 'watch')).toEqual([]);
}, 120000);

test('P19: what would exceed a packet is refused before it is sent, and harms no other call', async () => {
  const { session, events } = await sessions.session(direct());
  const other = codeOf(session.exists('/', false));
  expect(() => session.create('/big', Buffer.alloc(600 * 1024), 'persistent')).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
  expect(() =>
    session.multi(
      Array.from({ length: 20000 }, (_, i) => ({
        type: 'create' as const,
        path: `/m${i}`,
        data: null,
        mode: 'persistent' as const,
      })),
    ),
  ).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  expect(await other).toBe('ok');
  expect(events).toEqual([]);
});

test('P20: request ids start at 1 and wrap before they leave 31 bits', () => {
  const connection = new LibraryConnection(
    {
      host: 'localhost',
      port: 1,
      sessionTimeoutMs: 1000,
      sessionId: Buffer.alloc(8),
      sessionPassword: Buffer.alloc(16),
      lastZxid: Buffer.alloc(8),
      auth: [],
    },
    { onDialed: () => {}, onConnected: () => {}, onExpired: () => {}, onHeard: () => {}, onClosed: () => {} },
  );
  const manager = connection.client.connectionManager;
  expect(manager.xid).toBe(1);
  manager.xid = 0x7fff_ffff;
  expect(manager.xid).toBe(1);
});

test('P21: no server at start is an error with the reason, within the deadline', async () => {
  await expect(
    realZooKeeper(zkHost, '127.0.0.1:1').openSession({ sessionTimeoutMs: 1000, connectTimeoutMs: 400 }),
  ).rejects.toThrow(/no connection within 400 ms: .*ECONNREFUSED/);
});

test('P22, P23: the chroot is made, prefixes every path, and is never seen', async () => {
  const deep = realZooKeeper(zkHost, `${chroot}/a/b`);
  await deep.createRoot({ sessionTimeoutMs: 10000, connectTimeoutMs: 60000 });
  const { session, events } = await sessions.session(deep);
  expect(await session.children('/', true)).toEqual([]);
  expect(await session.create('/s-', null, 'persistent-sequential')).toBe('/s-0000000000');
  await has(events, 'watch');
  expect(events.find((event) => event.type === 'watch')).toMatchObject({ path: '/', change: 'children' });
  expect(await session.multi([{ type: 'create', path: '/m', data: null, mode: 'persistent' }])).toEqual([
    { path: '/m' },
  ]);
  expect(parseConnectString('a:1,b/x/y/')).toEqual({
    servers: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2181 },
    ],
    chroot: '/x/y',
  });
});

test('P25: watching a znode that is missing works by exists', async () => {
  const { session, events } = await sessions.session(direct());
  expect(await codeOf(session.get('/later', true))).toBe('NO_NODE');
  expect(await session.exists('/later', true)).toBeNull();
  await session.create('/later', null, 'persistent');
  await has(events, 'watch');
});

test('P26: a bad path is an error of that call, not a throw from somewhere else', async () => {
  const { session } = await sessions.session(direct());
  for (const bad of ['relative', '/a//b', '/trailing/'])
    expect(await codeOf(session.create(bad, null, 'persistent'))).toBe('BAD_ARGUMENTS');
});

test('P27: thousands of calls at once all come back, in order', async () => {
  const { session } = await sessions.session(direct());
  await session.create('/counter', data('0'), 'persistent');
  const results = await Promise.all(
    Array.from({ length: 3000 }, () => session.set('/counter', data('x'), -1)),
  );
  results.forEach((stat, i) => expect(stat.version).toBe(i + 1));
}, 60000);

test('a killed and restarted server: session, ephemerals and calls go on (P24 is the same seen from a blocked loop)', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-own-zk-'));
  const own = await ZooKeeperProcess.start({
    directory,
    tickTimeMs: 200,
    minSessionTimeoutMs: 400,
    maxSessionTimeoutMs: 60000,
  });
  try {
    const { session, events } = await sessions.session(realZooKeeper(zkHost, own.connect), 60000);
    await session.create('/mine', null, 'ephemeral');
    await own.kill();
    await has(events, 'suspended');
    await own.restart();
    await until('connected again', async () => (await codeOf(session.exists('/mine', false))) === 'ok');
    expect((await session.exists('/mine', false))!.ephemeralOwner).toBe(session.credentials.id);
    await session.close();
  } finally {
    await own.kill();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}, 120000);

test("a transaction's version is set behind the library's back, whatever it was given", () => {
  const transaction = { ops: [{ version: -1 }] } as never;
  setTransactionVersion(transaction, 0);
  expect((transaction as { ops: unknown[] }).ops).toEqual([{ version: 0 }]);
  expect(LIBRARY_CODES.CONNECTION_LOSS).toBe(-4);
});
