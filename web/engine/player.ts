/**
 * Time as an instrument: plays a run at some speed, steps, goes to any moment, takes commands, and reports
 * what happened (worker-protocol.ts). Real time and its timers are parameters; it knows no worker.
 *
 * Invariant: one thing at a time. What the page asks for is done in order; playing goes on in small turns
 * between, so that a pause is at most a turn away. Going back is the run again from its start.
 */
import { KafkaError } from '../../src/common/errors';
import { checkAction, checkRun, RunError } from '../shared/check-run';
import { LabEvent } from '../shared/events';
import { Run } from '../shared/run';
import {
  FromWorker,
  IDLE_SPEED,
  MAX_SPEED,
  MIN_SPEED,
  Speed,
  ToWorker,
  TRAVEL_SPEED,
} from '../shared/worker-protocol';
import { VirtualCluster } from './virtual-cluster';

export interface PlayerDeps {
  /** Real milliseconds. */
  readonly nowMs: () => number;
  readonly later: (ms: number, run: () => void) => void;
  readonly send: (message: FromWorker) => void;
}

const TURN_MS = 16;
/** Real milliseconds that a turn may take before it looks for what the page wants. */
const BUSY_MS = 12;
/** Actions of the simulation between two looks at the real clock. */
const LOOK_AT_CLOCK_EVERY = 32;
/** A page that slept, or a debugger: no more real time than this is made up for. */
const MAX_BEHIND_MS = 100;
const READY_WITHIN_MS = 60_000;
const STEP_WITHIN_MS = 60_000;
const MAX_SEEK_MS = 24 * 60 * 60 * 1000;
/** At this speed and above, messages that have arrived by now are not told: nobody could see them. */
const TOO_FAST_FOR_MESSAGES = 0.5;

/** Sights that only say how far something has come: the last one says it all. */
const COUNTERS: ReadonlySet<string> = new Set(['verdict', 'producer', 'consumer']);

function counterOf(event: LabEvent): string {
  const { what, producer, consumer } = event as Readonly<Record<string, unknown>>;
  return `${String(what)} ${String(producer ?? consumer ?? '')}`;
}

export class Player {
  private cluster: VirtualCluster | undefined;
  private isPlaying = false;
  private speed: Speed = 'auto';
  private drivenSpeed = 0;
  private lastTurnMs = 0;
  /** It was run again from its start, and nothing of that was told yet. */
  private isUntold = false;
  private work: Promise<void> = Promise.resolve();
  /** Counts the wishes to be elsewhere: a long way to some moment gives way to the next. */
  private ways = 0;

  constructor(private readonly deps: PlayerDeps) {}

  /** Resolves when it was done. */
  handle(message: ToWorker): Promise<void> {
    if (message.type === 'load' || message.type === 'seek') this.ways++;
    const way = this.ways;
    this.work = this.work.then(() => this.perform(message, way)).catch((error) => this.failed(error));
    return this.work;
  }

  private failed(error: unknown): void {
    this.isPlaying = false;
    const isSaid = error instanceof RunError || error instanceof KafkaError;
    const stack = String((error as Error | undefined)?.stack ?? error);
    this.deps.send({ type: 'failed', why: isSaid ? error.message : `The run has ended: ${stack}` });
  }

  private get current(): VirtualCluster {
    if (!this.cluster) throw new RunError('No run is loaded.');
    return this.cluster;
  }

  private async perform(message: ToWorker, way: number): Promise<void> {
    switch (message.type) {
      case 'load':
        return this.load(message.run, message.atMs, way);
      case 'play':
        return this.play(message.speed);
      case 'pause':
        this.isPlaying = false;
        break;
      case 'step':
        await this.step(message.to);
        break;
      case 'seek':
        return this.seek(message, way);
      case 'command':
        await this.command(message.action);
        break;
      case 'details': {
        const details = this.cluster?.details(message.message) ?? null;
        return this.deps.send({ type: 'details', ask: message.ask, details });
      }
      case 'watchers': {
        const hosts = this.cluster?.watchers(message.path) ?? [];
        return this.deps.send({ type: 'watchers', ask: message.ask, hosts });
      }
      default:
        throw new RunError('The page asked for something that the worker does not know.');
    }
    this.report();
  }

  private async load(run: Run, atMs: number | undefined, way: number): Promise<void> {
    this.isPlaying = false;
    this.cluster = undefined;
    this.begin(checkRun(run));
    this.deps.send({ type: 'run', run });
    const { current } = this;
    await this.goTo(atMs ?? READY_WITHIN_MS, way, atMs === undefined ? () => current.isReady : undefined);
    this.report();
  }

  private begin(run: Run): void {
    this.cluster = new VirtualCluster(run);
    this.isUntold = false;
    this.deps.send({ type: 'reset', run });
  }

  private play(speed: Speed): void {
    const { current: _current } = this;
    this.speed =
      speed === 'auto' ? speed : Math.min(MAX_SPEED, Math.max(MIN_SPEED, Number(speed) || MIN_SPEED));
    this.lastTurnMs = this.deps.nowMs();
    if (!this.isPlaying) {
      this.isPlaying = true;
      this.nextTurn();
    }
    this.report();
  }

  private nextTurn(delayMs = TURN_MS): void {
    this.deps.later(delayMs, () => {
      this.work = this.work.then(() => this.turn()).catch((error) => this.failed(error));
    });
  }

  private async turn(): Promise<void> {
    if (!this.isPlaying) return;
    const nowMs = this.deps.nowMs();
    const realMs = Math.min(MAX_BEHIND_MS, nowMs - this.lastTurnMs);
    this.lastTurnMs = nowMs;
    await this.playFor(realMs);
    this.report();
    // A turn that took long is followed at once by the next, which still lets the page in between.
    this.nextTurn(Math.max(1, TURN_MS - (this.deps.nowMs() - nowMs)));
  }

  /** With `auto`: slowly until all that was sent has arrived, else on until something is sent. */
  private async playFor(realMs: number): Promise<void> {
    const { current } = this;
    const isBusy = this.untilBusy();
    if (this.speed !== 'auto') {
      this.drivenSpeed = this.speed;
      return void (await current.advance(current.nowMs + realMs * this.speed, isBusy));
    }
    const arrivesMs = current.messages.nextArrivalMs();
    this.drivenSpeed = arrivesMs === undefined ? IDLE_SPEED : TRAVEL_SPEED;
    const { sent } = current.messages;
    const isSent = () => arrivesMs === undefined && current.messages.sent > sent;
    await current.advance(current.nowMs + realMs * this.drivenSpeed, () => isSent() || isBusy());
  }

  /** True once this turn has taken its time. */
  private untilBusy(): () => boolean {
    const startMs = this.deps.nowMs();
    let actions = 0;
    return () => ++actions % LOOK_AT_CLOCK_EVERY === 0 && this.deps.nowMs() - startMs > BUSY_MS;
  }

  private async step(to: 'event' | 'message'): Promise<void> {
    this.isPlaying = false;
    const {
      current,
      current: { messages, happenings, nowMs },
    } = this;
    const limitMs = nowMs + STEP_WITHIN_MS;
    if (to === 'event') return void (await current.advance(limitMs, () => current.happenings > happenings));
    const { sent } = messages;
    await current.advance(messages.nextArrivalMs() ?? limitMs, () => messages.sent > sent);
  }

  private async seek({ atMs, isKnown }: Extract<ToWorker, { type: 'seek' }>, way: number): Promise<void> {
    this.isPlaying = false;
    if (!Number.isFinite(atMs) || atMs < 0 || atMs > MAX_SEEK_MS)
      throw new RunError('There is no such moment.');
    if (atMs < this.current.nowMs) {
      this.cluster = new VirtualCluster(this.current.run);
      this.isUntold = true;
    }
    await this.goTo(atMs, way);
    // Whoever came between wants to be elsewhere, and is told then.
    if (way !== this.ways) return;
    const { current } = this;
    if (isKnown === true) {
      current.drain();
      this.isUntold = false;
      this.deps.send({ type: 'resumed', lastSeq: current.lastSeq, messages: current.messages.travelling });
    }
    this.report();
  }

  /** As fast as it can be, in turns, so that messages of the page come in; gives way to another wish. */
  private async goTo(atMs: number, way: number, isThere: () => boolean = () => false): Promise<void> {
    const { current } = this;
    // Until time is over, not until its last moment is reached: many things may be due at that.
    while (way === this.ways) {
      const isBusy = this.untilBusy();
      const isOver = () => isThere() || way !== this.ways || isBusy();
      if (!(await current.advance(atMs, isOver)) || isThere()) return;
      await new Promise<void>((resolve) => this.deps.later(0, resolve));
    }
  }

  private async command(action: Parameters<VirtualCluster['command']>[0]): Promise<void> {
    checkAction(action);
    await this.current.command(action);
    this.deps.send({ type: 'run', run: this.current.run });
  }

  /** What happened since the last report, and the time. */
  private report(): void {
    const { current, isPlaying, speed, deps } = this;
    if (!isPlaying) this.drivenSpeed = 0;
    if (this.isUntold) deps.send({ type: 'reset', run: current.run });
    this.isUntold = false;
    const events = this.worthTelling(current.drain());
    if (events.length > 0) deps.send({ type: 'events', events });
    const { nowMs, traceHash, lastActionMs } = current;
    deps.send({
      type: 'time',
      nowMs,
      isPlaying,
      speed,
      drivenSpeed: this.drivenSpeed,
      traceHash,
      lastActionMs,
    });
  }

  /**
   * Fast, nobody sees messages that have arrived by now, nor all that counters go through; lessons and
   * exercises are told every count.
   */
  private worthTelling(events: LabEvent[]): LabEvent[] {
    if (this.isPlaying && this.drivenSpeed < TOO_FAST_FOR_MESSAGES) return events;
    const { nowMs, run } = this.current;
    const last = new Map<string, LabEvent>();
    if (run.lesson === null && run.exercise === null) {
      for (const event of events) if (COUNTERS.has(event.what)) last.set(counterOf(event), event);
    }
    return events.filter((event) => {
      if (COUNTERS.has(event.what)) return last.size === 0 || last.get(counterOf(event)) === event;
      if (event.what !== 'message') return true;
      const { arrivesMs } = event as { arrivesMs?: number | null };
      return arrivesMs === null || arrivesMs === undefined || arrivesMs >= nowMs;
    });
  }
}
