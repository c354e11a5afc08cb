/** Time as an instrument: play, pause, step, seek, branch; and what is wrong is said, and nothing hangs. */
import { Player } from '../../web/engine/player';
import { VirtualCluster } from '../../web/engine/virtual-cluster';
import { LabEvent } from '../../web/shared/events';
import { foldFromStart } from '../../web/shared/fold';
import { DEFAULT_RUN, Run } from '../../web/shared/run';
import { FromWorker, TimeReport, ToWorker, TRAVEL_SPEED } from '../../web/shared/worker-protocol';

/** A player with real time by hand: `pass` lets so many milliseconds go by. */
class Desk {
  readonly heard: FromWorker[] = [];
  private nowMs = 0;
  /** How much time each look at the clock takes. */
  lookMs = 0;
  private timers: { atMs: number; run: () => void }[] = [];
  readonly player = new Player({
    nowMs: () => (this.nowMs += this.lookMs),
    later: (ms, run) => {
      // A timer of 0 ms only lets others in.
      if (ms === 0) setImmediate(run);
      else this.timers.push({ atMs: this.nowMs + ms, run });
    },
    send: (message) => {
      this.heard.push(message);
    },
  });

  ask(message: ToWorker): Promise<void> {
    return this.player.handle(message);
  }

  /** Each turn of the player ends before the next begins. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.run();
      await this.ask({ type: 'details', ask: 0, message: 0 });
    }
    this.nowMs = untilMs;
  }

  get time(): TimeReport {
    return this.heard.filter((one) => one.type === 'time').at(-1)!;
  }
  get failures(): string[] {
    return this.heard.flatMap((one) => (one.type === 'failed' ? [one.why] : []));
  }
  /** Of the newest run. */
  get events(): LabEvent[] {
    const start = this.heard.map(({ type }) => type).lastIndexOf('reset');
    return this.heard.slice(start).flatMap((one) => (one.type === 'events' ? one.events : []));
  }
  get run(): Run {
    return this.heard.flatMap((one) => (one.type === 'run' ? [one.run] : [])).at(-1)!;
  }
}

async function loaded(run: Run = DEFAULT_RUN, atMs?: number): Promise<Desk> {
  const desk = new Desk();
  await desk.ask({ type: 'load', run, ...(atMs === undefined ? {} : { atMs }) });
  expect(desk.failures).toEqual([]);
  return desk;
}

test('a loaded run stands at the moment when the scene is ready', async () => {
  const desk = await loaded();
  expect(desk.heard.slice(0, 2).map(({ type }) => type)).toEqual(['reset', 'run']);
  expect(foldFromStart(desk.events).isReady).toBe(true);
  expect(desk.time).toMatchObject({ isPlaying: false, drivenSpeed: 0 });
  const { nowMs } = desk.time;
  await desk.pass(5000);
  expect(desk.time.nowMs).toBe(nowMs);
});

test('playing goes at the speed that was asked for, until it is paused', async () => {
  const desk = await loaded(DEFAULT_RUN, 2000);
  await desk.ask({ type: 'play', speed: 2 });
  await desk.pass(1600);
  expect(desk.time.nowMs).toBeCloseTo(2000 + 2 * 1600, 0);
  await desk.ask({ type: 'pause' });
  const { nowMs } = desk.time;
  await desk.pass(1000);
  expect(desk.time).toMatchObject({ nowMs, isPlaying: false });
});

test('by itself it is slow while something travels, and passes over no message that is sent', async () => {
  const desk = await loaded(DEFAULT_RUN, 2000);
  await desk.ask({ type: 'play', speed: 'auto' });
  await desk.pass(3000);
  const driven = new Set(desk.heard.flatMap((one) => (one.type === 'time' ? [one.drivenSpeed] : [])));
  expect(driven.has(TRAVEL_SPEED)).toBe(true);
  const times = desk.heard.filter((one) => one.type === 'time');
  const messages = desk.events.filter(({ what, atMs }) => what === 'message' && atMs > 2001);
  expect(messages.length).toBeGreaterThan(3);
  for (const { atMs } of messages)
    expect(times.some(({ nowMs }) => nowMs >= atMs && nowMs < atMs + 0.5)).toBe(true);
});

test('a step ends at the next event, or where the next message is sent or arrives', async () => {
  const desk = await loaded(DEFAULT_RUN, 2000);
  const before = foldFromStart(desk.events).happenings.length;
  await desk.ask({ type: 'step', to: 'event' });
  const { happenings } = foldFromStart(desk.events);
  expect(happenings.length).toBeGreaterThan(before);
  expect(happenings.at(-1)!.atMs).toBe(desk.time.nowMs);
  for (let i = 0; i < 5; i++) {
    const { nowMs } = desk.time;
    await desk.ask({ type: 'step', to: 'message' });
    const now = desk.time.nowMs;
    expect(now).toBeGreaterThanOrEqual(nowMs);
    const messages = desk.events.filter(({ what }) => what === 'message') as unknown as {
      sentMs: number;
      arrivesMs: number;
    }[];
    expect(messages.some(({ sentMs, arrivesMs }) => sentMs === now || arrivesMs === now)).toBe(true);
  }
});

test('going back is exact: the same moment again is the same state and the same trace', async () => {
  const run: Run = { ...DEFAULT_RUN, actions: [{ what: 'kill', broker: 2, atMs: 2500 }] };
  const desk = await loaded(run, 4000);
  const then = { time: desk.time, state: foldFromStart(desk.events) };
  await desk.ask({ type: 'seek', atMs: 9000 });
  await desk.ask({ type: 'seek', atMs: 4000 });
  expect(desk.time.traceHash).toBe(then.time.traceHash);
  expect(foldFromStart(desk.events)).toEqual(then.state);
  await desk.ask({ type: 'seek', atMs: 0 });
  expect(desk.time.nowMs).toBe(0);
});

test('a moment that is reached in many turns is the same as one that is reached at once', async () => {
  const desk = new Desk();
  desk.lookMs = 20;
  await desk.ask({ type: 'load', run: DEFAULT_RUN, atMs: 1000 });
  const straight = new VirtualCluster(DEFAULT_RUN);
  for (let atMs = 2000; atMs <= 12000; atMs += 1000) {
    await desk.ask({ type: 'seek', atMs });
    await straight.advance(atMs);
    expect(desk.time).toMatchObject({ nowMs: atMs, traceHash: straight.traceHash });
  }
});

test('a command in the past begins a branch: what was to come is dropped', async () => {
  const run: Run = { ...DEFAULT_RUN, actions: [{ what: 'kill', broker: 2, atMs: 2500 }] };
  const desk = await loaded(run, 4000);
  await desk.ask({ type: 'seek', atMs: 2000 });
  expect(desk.time.lastActionMs).toBe(2500);
  await desk.ask({ type: 'command', action: { what: 'pause', broker: 3 } });
  await desk.ask({ type: 'seek', atMs: 4000 });
  expect(desk.run.actions).toEqual([{ what: 'pause', broker: 3, atMs: 2000 }]);
  const { brokers } = foldFromStart(desk.events);
  expect([brokers[2]?.status, brokers[3]?.status]).toEqual(['up', 'paused']);
});

test('what is wrong is said, and the worker goes on', async () => {
  const desk = new Desk();
  await desk.ask({ type: 'play', speed: 1 });
  await desk.ask({ type: 'load', run: { ...DEFAULT_RUN, brokers: 99 } });
  await desk.ask({ type: 'load', run: { ...DEFAULT_RUN, settings: { 'replica.lag.time.max.ms': 'soon' } } });
  await desk.ask({ type: 'nonsense' } as unknown as ToWorker);
  expect(desk.failures[0]).toBe('No run is loaded.');
  expect(desk.failures[1]).toContain('brokers must be a whole number from 1 to 9');
  expect(desk.failures[2]).toContain('replica.lag.time.max.ms');
  expect(desk.failures).toHaveLength(4);
  await desk.ask({ type: 'load', run: DEFAULT_RUN });
  await desk.ask({ type: 'command', action: { what: 'kill', broker: 77 } });
  await desk.ask({ type: 'seek', atMs: NaN });
  expect(desk.failures).toHaveLength(6);
  await desk.ask({ type: 'command', action: { what: 'kill', broker: 1 } });
  expect(foldFromStart(desk.events).brokers[1]?.status).toBe('dead');
});

test('a long way is given up when the page wants something else', async () => {
  const desk = await loaded(DEFAULT_RUN, 1000);
  const far = desk.ask({ type: 'seek', atMs: 24 * 60 * 60 * 1000 });
  const near = new Promise<void>((resolve, reject) => {
    setImmediate(() => {
      desk.ask({ type: 'seek', atMs: 500 }).then(resolve, reject);
    });
  });
  await Promise.all([far, near]);
  expect(desk.failures).toEqual([]);
  expect(desk.time.nowMs).toBe(500);
});
