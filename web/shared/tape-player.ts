/**
 * A tape of events that were told once, of a real cluster while it runs or out of a file, played as the
 * virtual cluster is: at some speed, stopped, by steps, to any moment before. It cannot branch: what is asked
 * of a real cluster is asked of its present.
 *
 * Invariant: what the page was told is the beginning of the tape up to `next`. At the edge of a live tape
 * each event is told as it arrives. A tape that grows too long is shortened at its beginning, where a
 * snapshot takes the place of events; moments before that cannot be returned to.
 */
import { isSight, LabEvent } from './events';
import { Action, DEFAULT_RUN, Run } from './run';
import { Snapshot } from './snapshot';
import { FromWorker, SourceReport, Speed, ToWorker } from './worker-protocol';

export interface TapeDeps {
  /** Real milliseconds. */
  readonly nowMs: () => number;
  readonly later: (ms: number, run: () => void) => void;
  readonly send: (message: FromWorker) => void;
  /** Asks it of the real cluster; undefined: there is none. */
  readonly command?: (action: Action) => void;
}

const TURN_MS = 16;
/** Between two reports of the time while nothing happens. */
const REPORT_MS = 100;
const MAX_EVENTS = 100_000;
const NO_COMMANDS = 'This is a replay: what is to be seen has happened already.';
/** The page wants a run; of a tape it is only a name. */
const TAPE_RUN: Run = { ...DEFAULT_RUN, seed: '-', scene: 'empty' };

export class TapePlayer {
  private events: LabEvent[] = [];
  private readonly base = new Snapshot();
  private hasBase = false;
  /** Before it there is nothing to return to. */
  private fromMs = 0;
  private next = 0;
  private atMs = 0;
  private isPlaying = false;
  private speed: Speed = 'auto';
  private isAtTheEdge = true;
  /** The present of a live tape: its time, and when in real time that was told. */
  private edge = { atMs: 0, realMs: 0, isMoving: false };
  private lastTurnMs = 0;
  private isTurning = false;
  private isClosed = false;
  private source: SourceReport;

  constructor(
    private readonly deps: TapeDeps,
    source: SourceReport,
  ) {
    this.source = source;
  }

  /** Another connection, another title: told to the page. */
  sourceIs(changes: Partial<SourceReport>): void {
    const names = Object.keys(changes) as (keyof SourceReport)[];
    if (names.every((name) => this.source[name] === changes[name])) return;
    this.source = { ...this.source, ...changes };
    this.tellSource();
  }

  private tellSource(): void {
    this.deps.send({ ...this.source, isAtTheEdge: this.isAtTheEdge });
  }

  /** Begins with these events, and with nothing before. A live tape stands at its end. */
  begin(events: readonly LabEvent[], nowMs: number): void {
    this.events = [...events];
    this.hasBase = false;
    this.fromMs = this.source.kind === 'real' ? nowMs : 0;
    this.edge = { atMs: nowMs, realMs: this.deps.nowMs(), isMoving: this.source.kind === 'real' };
    this.next = 0;
    this.isAtTheEdge = this.source.kind === 'real';
    this.atMs = this.isAtTheEdge ? nowMs : 0;
    this.isPlaying = true;
    this.restart();
    this.tellSource();
    this.turnLater();
  }

  /** What a live cluster told since. `nowMs`: its present. */
  append(events: readonly LabEvent[], nowMs: number): void {
    for (const event of events) this.events.push(event);
    this.edge = { atMs: Math.max(nowMs, this.edge.atMs), realMs: this.deps.nowMs(), isMoving: true };
    if (this.events.length > MAX_EVENTS) this.shorten();
    if (this.isAtTheEdge && this.isPlaying) this.follow();
  }

  /** The cluster is silent: its present stands still. */
  halt(): void {
    this.edge = { atMs: this.presentMs, realMs: this.deps.nowMs(), isMoving: false };
    this.report();
  }

  close(): void {
    this.isClosed = true;
  }

  private get presentMs(): number {
    const { atMs, realMs, isMoving } = this.edge;
    return isMoving ? atMs + Math.max(0, this.deps.nowMs() - realMs) : atMs;
  }

  private shorten(): void {
    const cut = Math.min(this.next, this.events.length - MAX_EVENTS / 2);
    if (cut <= 0) return;
    for (const event of this.events.slice(0, cut)) this.base.take(event);
    this.fromMs = Math.max(this.fromMs, this.events[cut - 1]!.atMs);
    this.hasBase = true;
    this.events = this.events.slice(cut);
    this.next -= cut;
  }

  handle(message: ToWorker): void {
    switch (message.type) {
      case 'load':
        this.isPlaying = true;
        this.goToEdge(this.source.kind === 'real');
        return this.restart();
      case 'play':
        return this.play(message.speed);
      case 'pause':
        this.isPlaying = false;
        return this.report();
      case 'step':
        return this.step();
      case 'seek':
        return this.seek(message.atMs);
      case 'command':
        return this.command(message.action);
      case 'details':
        return this.deps.send({ type: 'details', ask: message.ask, details: null });
      case 'watchers':
        // Who watches a znode only ZooKeeper knows.
        return this.deps.send({ type: 'watchers', ask: message.ask, hosts: [] });
    }
  }

  /** Tells everything from the beginning up to the moment that is shown. */
  private restart(): void {
    this.next = 0;
    this.deps.send({ type: 'reset', run: TAPE_RUN });
    if (this.hasBase) this.deps.send({ type: 'events', events: this.base.events() });
    this.tellUpTo(this.atMs, this.isAtTheEdge);
    this.report();
  }

  /** `isAll`: whatever their times; the clocks of processes differ by a little. */
  private tellUpTo(atMs: number, isAll: boolean): void {
    const from = this.next;
    while (this.next < this.events.length && (isAll || this.events[this.next]!.atMs <= atMs)) this.next++;
    if (this.next > from) this.deps.send({ type: 'events', events: this.events.slice(from, this.next) });
  }

  private goToEdge(isAtTheEdge: boolean): void {
    if (isAtTheEdge) this.atMs = this.presentMs;
    if (this.isAtTheEdge === isAtTheEdge) return;
    this.isAtTheEdge = isAtTheEdge;
    this.tellSource();
  }

  private follow(): void {
    this.atMs = this.presentMs;
    this.tellUpTo(this.atMs, true);
    this.report();
  }

  private play(speed: Speed): void {
    this.speed = speed;
    this.isPlaying = true;
    this.lastTurnMs = this.deps.nowMs();
    // A replay that has come to its end begins again.
    if (this.source.kind === 'replay' && this.atMs >= this.edge.atMs) {
      this.atMs = 0;
      this.restart();
    } else if (this.isAtTheEdge) this.follow();
    else this.report();
    this.turnLater();
  }

  private turnLater(): void {
    if (this.isTurning || this.isClosed) return;
    this.isTurning = true;
    this.deps.later(this.isAtTheEdge ? REPORT_MS : TURN_MS, () => {
      this.isTurning = false;
      if (!this.isPlaying || this.isClosed) return;
      this.turn();
      this.turnLater();
    });
  }

  private turn(): void {
    const nowMs = this.deps.nowMs();
    const realMs = Math.max(0, nowMs - this.lastTurnMs);
    this.lastTurnMs = nowMs;
    if (this.isAtTheEdge) return this.follow();
    this.atMs = Math.min(this.presentMs, this.atMs + realMs * this.drivenSpeed);
    this.tellUpTo(this.atMs, false);
    if (this.atMs >= this.presentMs) this.arrive();
    this.report();
  }

  /** At the present: a live tape goes on with it, a replay is over. */
  private arrive(): void {
    this.tellUpTo(this.atMs, true);
    if (this.source.kind === 'real') this.goToEdge(true);
    else this.isPlaying = false;
  }

  private get drivenSpeed(): number {
    return this.isAtTheEdge || this.speed === 'auto' ? 1 : this.speed;
  }

  /** To the next thing that happened. */
  private step(): void {
    this.isPlaying = false;
    this.goToEdge(false);
    const found = this.events.slice(this.next).find((event) => !isSight(event));
    this.atMs = Math.max(this.atMs, found?.atMs ?? this.presentMs);
    this.tellUpTo(this.atMs, found === undefined);
    this.report();
  }

  private seek(atMs: number): void {
    this.isPlaying = false;
    const wanted = Math.min(this.presentMs, Math.max(this.fromMs, Number.isFinite(atMs) ? atMs : 0));
    const isBack = wanted < this.atMs;
    const isPresent = this.source.kind === 'real' && wanted >= this.presentMs;
    this.goToEdge(isPresent);
    if (isPresent) return this.follow();
    this.atMs = wanted;
    if (isBack) return this.restart();
    this.tellUpTo(wanted, false);
    this.report();
  }

  /** Asked of the present, so the present is shown. */
  private command(action: Action): void {
    if (!this.deps.command) return this.deps.send({ type: 'failed', why: NO_COMMANDS });
    this.isPlaying = true;
    this.goToEdge(true);
    this.follow();
    this.turnLater();
    this.deps.command(action);
  }

  private report(): void {
    const isMoving = this.isPlaying && (!this.isAtTheEdge || this.edge.isMoving);
    this.deps.send({
      type: 'time',
      nowMs: this.atMs,
      isPlaying: this.isPlaying,
      speed: this.speed,
      drivenSpeed: isMoving ? this.drivenSpeed : 0,
      traceHash: '',
      lastActionMs: null,
    });
  }
}
