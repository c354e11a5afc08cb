/** The page's side of a real cluster: what it does when the server is slow, gone, or does not know it. */
import { formatEvent } from '../../web/shared/event-stream';
import { LiveClient } from '../../web/shared/live-client';
import { FromWorker, SourceReport } from '../../web/shared/worker-protocol';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A server that answers as it is told, and a clock that is moved by hand. */
class FakeServer {
  readonly asked: { url: string; headers: Record<string, string>; body: string | undefined }[] = [];
  readonly messages: FromWorker[] = [];
  readonly waits: number[] = [];
  private readonly timers: (() => void)[] = [];
  private streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  answer: () => Response | Error = () => this.stream();

  readonly client = new LiveClient({
    address: '',
    token: 'secret',
    nowMs: () => 0,
    later: (ms, run) => {
      // Neither the watch for silence nor the tape's turns are what is looked at here.
      if (ms === 750 || ms < 200) return;
      this.waits.push(ms);
      this.timers.push(run);
    },
    send: (message) => void this.messages.push(message),
    fetch: (url, init) => {
      const { headers, body } = init as { headers: Record<string, string>; body?: string };
      this.asked.push({ url: String(url), headers, body });
      const answer = this.answer();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });

  stream(): Response {
    const body = new ReadableStream<Uint8Array>({ start: (one) => void this.streams.push(one) });
    return new Response(body, { status: 200 });
  }

  async tells(event: string, data: object, id?: string): Promise<void> {
    this.streams.at(-1)!.enqueue(new TextEncoder().encode(formatEvent(event, JSON.stringify(data), id)));
    for (let i = 0; i < 5; i++) await nextTurn();
  }

  async breaks(): Promise<void> {
    this.streams.at(-1)!.close();
    for (let i = 0; i < 5; i++) await nextTurn();
  }

  async timeIsUp(): Promise<void> {
    this.timers.shift()!();
    for (let i = 0; i < 5; i++) await nextTurn();
  }

  get source(): SourceReport {
    return this.messages.findLast((one) => one.type === 'source') as SourceReport;
  }
}

const RESET = { title: 'three brokers', cannot: {}, startedMs: 0, nowMs: 5, events: [] };
const EVENT = { seq: 7, atMs: 9, who: 'user', what: 'fault' };

test('the stream is asked for with the token, and told to the page as it comes', async () => {
  const server = new FakeServer();
  server.client.start();
  await nextTurn();
  expect(server.asked[0]).toMatchObject({ url: '/events', headers: { 'x-samsa-token': 'secret' } });
  await server.tells('reset', RESET, 'a.6');
  expect(server.source).toMatchObject({ title: 'three brokers', connection: 'open', why: null });
  await server.tells('events', { nowMs: 9, events: [EVENT] }, 'a.7');
  expect(server.messages.some((one) => one.type === 'events' && one.events[0]!.seq === 7)).toBe(true);
  server.client.close();
});

test('a server that is gone is asked again in growing intervals, from the last event on', async () => {
  const server = new FakeServer();
  server.client.start();
  await nextTurn();
  await server.tells('reset', RESET, 'a.6');
  server.answer = () => new TypeError('refused');
  await server.breaks();
  expect(server.source).toMatchObject({
    connection: 'lost',
    why: expect.stringContaining('0.5 s') as string,
  });
  for (let i = 0; i < 7; i++) await server.timeIsUp();
  expect(server.waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  server.answer = () => server.stream();
  await server.timeIsUp();
  expect(server.asked.at(-1)!.headers['last-event-id']).toBe('a.6');
  await server.tells('events', { nowMs: 9, events: [EVENT] }, 'a.7');
  expect(server.source.connection).toBe('open');
  await server.breaks();
  expect(server.waits.at(-1)).toBe(500);
  server.client.close();
});

test('a wrong token is told in words that help', async () => {
  const server = new FakeServer();
  server.answer = () => new Response('no', { status: 403 });
  server.client.start();
  for (let i = 0; i < 5; i++) await nextTurn();
  expect(server.source.why).toContain('in the terminal');
  server.client.close();
});

test('when the lab was ended, nothing is asked any more', async () => {
  const server = new FakeServer();
  server.client.start();
  await nextTurn();
  await server.tells('reset', RESET, 'a.6');
  await server.tells('ended', { why: 'The lab was ended.' });
  await server.breaks();
  expect(server.source).toMatchObject({ connection: 'closed', why: 'The lab was ended.' });
  expect([server.asked.length, server.waits]).toEqual([1, []]);
});

test('an action that the server does not take, or that never reached it, is told', async () => {
  const server = new FakeServer();
  server.client.start();
  await nextTurn();
  const kill = { type: 'command', action: { what: 'kill', broker: 1 } } as const;
  server.answer = () => new Response('Too many actions wait already.\n', { status: 503 });
  server.client.handle(kill);
  for (let i = 0; i < 5; i++) await nextTurn();
  expect(server.asked.at(-1)!.body).toBe('{"what":"kill","broker":1}');
  expect(server.messages).toContainEqual({ type: 'failed', why: 'Too many actions wait already.' });
  server.answer = () => new TypeError('refused');
  server.client.handle(kill);
  for (let i = 0; i < 5; i++) await nextTurn();
  expect(server.messages.at(-1)).toMatchObject({
    type: 'failed',
    why: expect.stringContaining('did not answer') as string,
  });
  server.client.close();
});
