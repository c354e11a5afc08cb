/**
 * The server that can kill processes: who may speak to it, what it bears, and what a client that was away
 * gets.
 */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { EventHub, HubClient } from '../../web/server/event-hub';
import { startLabServer } from '../../web/server/lab-server';
import { LabServer } from '../../web/server/static-server';
import { EventStreamReader, StreamEvent } from '../../web/shared/event-stream';
import { LIVE_LIMITS, LiveEvents, LiveReset, TOKEN_HEADER } from '../../web/shared/live-protocol';
import { Action } from '../../web/shared/run';

let directory: string;
let server: LabServer;
let hub: EventHub;
let token: string;
let performed: Action[];
/** Called in `perform`, so that an action can be held. */
let hold: () => Promise<void>;

beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-'));
  fs.writeFileSync(path.join(directory, 'index.html'), '<p>the page');
  hub = new EventHub({ title: 'a test', cannot: {} });
  performed = [];
  hold = () => Promise.resolve();
  const perform = async (action: Action) => {
    await hold();
    performed.push(action);
    return action.what === 'power-cut' ? 'There is no power to cut.' : undefined;
  };
  server = await startLabServer({ directory, port: 0, live: { hub, perform } });
  token = new URL(server.url).hash.replace('#real.', '');
});

afterEach(async () => {
  hub.end('the test is over');
  await server.close();
  fs.rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(name: string, options: http.RequestOptions = {}, body = ''): Promise<Answer> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path: name, agent: false, ...options },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode!, text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const KILL: Action = { what: 'kill', broker: 1 };
const post = (headers: http.OutgoingHttpHeaders, body: string = JSON.stringify(KILL)) =>
  ask('/commands', { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, body);
const own = () => ({ [TOKEN_HEADER]: token });
const origin = () => new URL(server.url).origin;

/** Listens until `count` events of the stream have come, then hangs up. */
function listen(count: number, headers: http.OutgoingHttpHeaders = {}): Promise<StreamEvent[]> {
  const { port } = new URL(server.url);
  const reader = new EventStreamReader();
  const events: StreamEvent[] = [];
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/events',
      agent: false,
      headers: { ...own(), ...headers },
    };
    const request = http.get(options, (response) => {
      response.on('data', (chunk) => {
        events.push(...reader.take(String(chunk)));
        if (events.length < count) return;
        request.destroy();
        resolve(events);
      });
      response.on('error', () => {});
    });
    request.on('error', (error) => {
      if (events.length < count) reject(error);
    });
  });
}

const seqs = ({ data }: StreamEvent) => (JSON.parse(data) as LiveEvents).events.map(({ seq }) => seq);

test('the page needs no token, and the address that is printed has one for events and actions', async () => {
  expect(await ask('/')).toEqual({ status: 200, text: '<p>the page' });
  expect(token.length).toBeGreaterThanOrEqual(32);
  expect((await post(own())).status).toBe(200);
  expect(performed).toEqual([KILL]);
});

test('without the token, or with another, nothing is told and nothing is done', async () => {
  for (const wrong of [
    {},
    { [TOKEN_HEADER]: '' },
    { [TOKEN_HEADER]: `${token}x` },
    { cookie: `token=${token}` },
  ]) {
    expect((await post(wrong)).status).toBe(403);
    expect((await ask('/events', { headers: wrong })).status).toBe(403);
  }
  expect((await ask(`/events?token=${token}`)).status).toBe(403);
  expect(performed).toEqual([]);
});

test('another site, and a name that was rebound to this machine, get nothing even with the token', async () => {
  const strangers = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'evil.example' },
    { host: `evil.example:${new URL(server.url).port}` },
    { host: `evil.example:${new URL(server.url).port}`, origin: 'http://evil.example' },
  ];
  for (const headers of strangers) {
    const { status, text } = await post({ ...own(), ...headers });
    expect([headers, status]).toEqual([headers, 403]);
    expect(text).not.toContain(token);
    expect((await ask('/events', { headers: { ...own(), ...headers } })).status).toBe(403);
  }
  expect((await post({ ...own(), 'origin': origin(), 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  expect(performed.length).toBe(1);
});

test('what is no action is refused in words, and reaches no process', async () => {
  expect(await post(own(), '{')).toEqual({ status: 400, text: 'The action is not valid JSON.\n' });
  expect((await post(own(), JSON.stringify({ what: 'reboot' }))).text).toContain('no known action');
  expect((await post(own(), JSON.stringify({ ...KILL, broker: '1; rm' }))).text).toContain(
    'must be a whole number',
  );
  expect((await post({ ...own(), 'content-type': 'text/plain' })).status).toBe(415);
  expect((await ask('/commands', { headers: own() })).status).toBe(405);
  expect((await ask('/events', { method: 'POST', headers: own() })).status).toBe(405);
  const huge = 'x'.repeat(LIVE_LIMITS.commandBytes + 1);
  expect((await post(own(), huge)).status).toBe(413);
  expect(performed).toEqual([]);
});

test('two pages that command at once are served in turn, and both see both', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  hold = () => held;
  const told = listen(3);
  const first = post(own());
  const second = post(own(), JSON.stringify({ what: 'power-cut', broker: 2 }));
  setImmediate(release);
  expect([(await first).text, (await second).text].sort()).toEqual([
    '{"refused":"There is no power to cut."}',
    '{"refused":null}',
  ]);
  expect(performed.length).toBe(2);
  const events = (await told).slice(1).flatMap(({ data }) => (JSON.parse(data) as LiveEvents).events);
  expect(events.filter(({ what }) => what === 'command').length).toBeGreaterThan(0);
});

test('a client that comes back gets what it missed; after another run of the server, a snapshot', async () => {
  hub.see('broker-1', { what: 'znode', path: '/a', change: 'created', data: '1', version: 0, owner: null });
  const [reset] = await listen(1);
  expect([reset!.event, seqs(reset!)]).toEqual(['reset', [1]]);
  hub.happened('user', 'one', {});
  hub.happened('user', 'two', {});
  const [missed] = await listen(1, { 'last-event-id': reset!.id! });
  expect([missed!.event, seqs(missed!)]).toEqual(['events', [2, 3]]);
  const [nothing] = await listen(1, { 'last-event-id': missed!.id! });
  expect(nothing!.event).toBe('ping');
  for (const id of ['another.1', 'x', '', missed!.id!.replace(/\d+$/, '99')]) {
    expect((await listen(1, { 'last-event-id': id }))[0]!.event).toBe('reset');
  }
});

test('what is told arrives at once, with all that happened in the same turn', async () => {
  const told = listen(2);
  await new Promise<void>((resolve) => {
    const look = () => (hub.clientCount > 0 ? resolve() : setImmediate(look));
    look();
  });
  hub.happened('user', 'one', {});
  hub.happened('user', 'two', { why: undefined });
  const [reset, events] = await told;
  expect((JSON.parse(reset!.data) as LiveReset).title).toBe('a test');
  expect(seqs(events!)).toEqual([1, 2]);
});

test('there is room for so many pages, and no more', async () => {
  const clients = Array.from({ length: LIVE_LIMITS.clients }, () => new FakeClient());
  for (const client of clients) expect(hub.join(client, undefined)).toBe(true);
  expect((await ask('/events', { headers: own() })).status).toBe(503);
  hub.leave(clients[0]!);
  expect((await listen(1))[0]!.event).toBe('reset');
});

class FakeClient implements HubClient {
  bufferedBytes = 0;
  readonly texts: string[] = [];
  ended: 'slow' | 'in order' | undefined;
  write(text: string): void {
    this.texts.push(text);
  }
  end(isSlow: boolean): void {
    this.ended = isSlow ? 'slow' : 'in order';
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a client that does not read is dropped before it fills the memory; the others go on', async () => {
  const [slow, good] = [new FakeClient(), new FakeClient()];
  hub.join(slow, undefined);
  hub.join(good, undefined);
  slow.bufferedBytes = LIVE_LIMITS.bufferedBytes + 1;
  hub.happened('user', 'one', {});
  await nextTurn();
  hub.happened('user', 'two', {});
  await nextTurn();
  expect([slow.ended, slow.texts.length, good.ended, good.texts.length]).toEqual(['slow', 1, undefined, 3]);
});

test('who was away too long gets a snapshot: what is there now, and not what was', async () => {
  const session = { session: 's', host: 'broker-1', timeoutMs: 1, expiresMs: null };
  hub.see('zookeeper', { what: 'session', ...session, state: 'open' });
  const early = new FakeClient();
  hub.join(early, undefined);
  const id = /^id: (.*)$/m.exec(early.texts[0]!)![1]!;
  hub.see('zookeeper', { what: 'session', ...session, state: 'ended' });
  for (let i = 0; i <= LIVE_LIMITS.keptEvents; i++) {
    hub.see('broker-1', {
      what: 'znode',
      path: '/n',
      change: 'changed',
      data: `${i}`,
      version: i,
      owner: null,
    });
  }
  const late = new FakeClient();
  hub.join(late, id);
  const [reset] = new EventStreamReader().take(late.texts[0]!);
  const { events } = JSON.parse(reset!.data) as LiveReset;
  expect([reset!.event, events.map((event) => [event.what, (event as { data?: string }).data])]).toEqual([
    'reset',
    [['znode', String(LIVE_LIMITS.keptEvents)]],
  ]);
});

test('at the end every page is told why, also one that asks later', () => {
  const [before, after] = [new FakeClient(), new FakeClient()];
  hub.join(before, undefined);
  hub.end('The lab was ended.');
  hub.join(after, undefined);
  for (const { texts, ended } of [before, after]) {
    expect(texts.at(-1)).toContain('The lab was ended.');
    expect(ended).toBe('in order');
  }
});

test('a stream is read whatever pieces it arrives in', () => {
  const text = 'id: a.1\nevent: events\ndata: {"x":"ä"}\n\nevent: ping\ndata: {}\n\n';
  const whole = new EventStreamReader().take(text);
  const reader = new EventStreamReader();
  const inPieces = [...text].flatMap((piece) => reader.take(piece));
  expect(inPieces).toEqual(whole);
  expect(whole.map(({ id, event }) => [id, event])).toEqual([
    ['a.1', 'events'],
    [null, 'ping'],
  ]);
});
