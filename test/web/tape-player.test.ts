/** A tape of real events: followed as it grows, stopped, stepped through, and gone back in. */
import { foldFromStart } from '../../web/shared/fold';
import { LabEvent } from '../../web/shared/events';
import { TapePlayer } from '../../web/shared/tape-player';
import {
  FromWorker,
  SourceReport,
  TimeReport,
  ToWorker,
  VIRTUAL_SOURCE,
} from '../../web/shared/worker-protocol';
import { Action } from '../../web/shared/run';

/** A page with a clock of its own. */
class FakePage {
  nowMs = 0;
  private timers: { atMs: number; run: () => void }[] = [];
  readonly messages: FromWorker[] = [];
  readonly asked: Action[] = [];
  readonly tape: TapePlayer;

  constructor(kind: 'real' | 'replay') {
    this.tape = new TapePlayer(
      {
        nowMs: () => this.nowMs,
        later: (ms, run) => void this.timers.push({ atMs: this.nowMs + ms, run }),
        send: (message) => void this.messages.push(message),
        ...(kind === 'real' ? { command: (action: Action) => void this.asked.push(action) } : {}),
      },
      { ...VIRTUAL_SOURCE, kind },
    );
  }

  say(message: ToWorker): void {
    this.tape.handle(message);
  }

  /** Lets real time pass. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      this.timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.timers[0];
      if (!next || next.atMs > untilMs) break;
      this.timers.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  get time(): TimeReport {
    return this.messages.findLast((one) => one.type === 'time') as TimeReport;
  }
  get source(): SourceReport {
    return this.messages.findLast((one) => one.type === 'source') as SourceReport;
  }
  /** Numbers of the events told since the last reset. */
  get told(): number[] {
    const from = this.messages.findLastIndex(({ type }) => type === 'reset');
    return this.messages
      .slice(from)
      .flatMap((one) => (one.type === 'events' ? one.events.map(({ seq }) => seq) : []));
  }
}

const at = (seq: number, atMs: number, what = 'fault'): LabEvent => ({ seq, atMs, who: 'user', what });
const TEN = Array.from({ length: 10 }, (_, i) => at(i + 1, (i + 1) * 100));

test('a live tape shows the present, and its clock runs while nothing happens', () => {
  const page = new FakePage('real');
  page.tape.begin(TEN, 1000);
  expect(page.told).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  page.tape.append([at(11, 1005)], 1005);
  expect(page.told.at(-1)).toBe(11);
  page.pass(500);
  expect(page.time).toMatchObject({ nowMs: 1505, isPlaying: true, drivenSpeed: 1 });
});

test('stopped it keeps what comes; let go it shows what it missed and comes to the present', () => {
  const page = new FakePage('real');
  page.tape.begin([], 0);
  page.say({ type: 'pause' });
  page.tape.append(TEN, 1000);
  expect([page.told, page.time.isPlaying]).toEqual([[], false]);
  page.say({ type: 'play', speed: 'auto' });
  expect([page.told.length, page.time.nowMs]).toEqual([10, 1000]);
});

test('it goes back, plays at its own speed from there, and arrives at the present again', () => {
  const page = new FakePage('real');
  page.tape.begin([], 0);
  page.tape.append(TEN, 1000);
  page.say({ type: 'seek', atMs: 350 });
  expect([page.told, page.time.nowMs, page.source.isAtTheEdge]).toEqual([[1, 2, 3], 350, false]);
  page.tape.append([at(11, 1010)], 1010);
  expect(page.told).toEqual([1, 2, 3]);
  page.say({ type: 'play', speed: 2 });
  page.pass(100);
  expect(page.told).toEqual([1, 2, 3, 4, 5]);
  page.pass(2000);
  expect(page.told.length).toBe(11);
  expect([page.source.isAtTheEdge, page.time.drivenSpeed]).toEqual([true, 1]);
  expect(page.time.nowMs).toBeGreaterThan(3000);
});

test('a step goes to the next thing that happened', () => {
  const page = new FakePage('replay');
  page.tape.begin([at(1, 10, 'ready'), at(2, 20), at(3, 30, 'ready'), at(4, 40)], 100);
  page.say({ type: 'pause' });
  page.say({ type: 'seek', atMs: 0 });
  page.say({ type: 'step', to: 'event' });
  expect([page.told, page.time.nowMs, page.time.isPlaying]).toEqual([[1, 2], 20, false]);
  page.say({ type: 'step', to: 'message' });
  expect([page.told, page.time.nowMs]).toEqual([[1, 2, 3, 4], 40]);
  page.say({ type: 'step', to: 'event' });
  expect(page.time.nowMs).toBe(100);
});

test('a replay stops at its end, begins again from there, and takes no actions', () => {
  const page = new FakePage('replay');
  page.tape.begin(TEN, 1000);
  page.pass(5000);
  expect([page.told.length, page.time.nowMs, page.time.isPlaying]).toEqual([10, 1000, false]);
  page.say({ type: 'play', speed: 1 });
  page.pass(160);
  expect(page.told).toEqual([1]);
  page.say({ type: 'command', action: { what: 'kill', broker: 1 } });
  expect(page.messages.at(-1)).toMatchObject({
    type: 'failed',
    why: expect.stringContaining('replay') as string,
  });
});

test('an action is asked of the present, and the present is shown', () => {
  const page = new FakePage('real');
  page.tape.begin([], 0);
  page.tape.append(TEN, 1000);
  page.say({ type: 'seek', atMs: 100 });
  page.say({ type: 'command', action: { what: 'kill', broker: 1 } });
  expect(page.asked).toEqual([{ what: 'kill', broker: 1 }]);
  expect([page.told.length, page.source.isAtTheEdge]).toEqual([10, true]);
});

test('when the cluster is silent its clock stands', () => {
  const page = new FakePage('real');
  page.tape.begin([], 0);
  page.pass(300);
  page.tape.halt();
  page.pass(5000);
  expect(page.time).toMatchObject({ nowMs: 300, drivenSpeed: 0 });
});

test('a tape of hours keeps a bounded part of it, and the same picture', () => {
  const page = new FakePage('real');
  page.tape.begin([], 0);
  const path = (i: number) => `/n${i % 100}`;
  for (let batch = 0; batch < 30; batch++) {
    const events = Array.from({ length: 5000 }, (_, i): LabEvent => {
      const seq = batch * 5000 + i + 1;
      const znode = {
        path: path(seq),
        change: 'changed',
        data: `${seq}`,
        version: seq,
        owner: null,
      } as const;
      return { seq, atMs: seq, who: 'zookeeper', what: 'znode', ...znode };
    });
    page.tape.append(events, events.at(-1)!.atMs);
  }
  page.say({ type: 'load', run: null as never });
  const all = page.messages.slice(page.messages.findLastIndex(({ type }) => type === 'reset'));
  const events = all.flatMap((one) => (one.type === 'events' ? one.events : []));
  expect(events.length).toBeLessThan(101_000);
  const { znodes, lastSeq } = foldFromStart(events);
  expect([Object.keys(znodes).length, lastSeq, znodes['/n99']!.data]).toEqual([100, 150_000, '149999']);
});
