/**
 * What the page holds: the state folded from events, what is told of it, the clock between two reports of
 * the worker, and what the user looks at. One Store is made by main.tsx and handed down; there is no
 * module-level state.
 *
 * Events are kept until the next frame and folded together: however many come, a frame costs one fold and
 * one drawing.
 */
import { batch, computed, signal } from '@preact/signals';
import { Action, DEFAULT_RUN, Run } from '../shared/run';
import {
  FromWorker,
  MessageDetails,
  SourceReport,
  Speed,
  STOPPED,
  ToWorker,
  VIRTUAL_SOURCE,
} from '../shared/worker-protocol';
import { FIRST_RUN } from './first-run';
import { brokerViews } from './model/broker-view';
import { hostsOf } from './model/hosts';
import { lessonRun, LessonScript } from './lessons/script';
import { Exercise, exerciseRun, START_MS } from './exercises/script';
import { Selection } from './model/selection';
import { following, TimeWindow, windowOf, zoomed } from './model/timeline-view';
import { Parts, partsOf } from './parts';
import { Pictures } from './pictures';
import { Source } from './source';

const TICK_MS = 100;
/** How long the page's clock may run on without a report, in real ms. */
const MAX_AHEAD_MS = 120;

export type Details = MessageDetails | 'waiting' | 'unknown' | null;

export class Store {
  readonly run = signal<Run>(DEFAULT_RUN);
  private readonly pictures = new Pictures(() => this.run.value);
  readonly state = this.pictures.state;
  readonly chronicle = this.pictures.chronicle;
  readonly known = this.pictures.known;
  readonly notes = this.pictures.notes;
  readonly judged = this.pictures.judged;
  readonly parts: Parts = partsOf(this.state);
  /** Virtual time in steps: for what only has to be roughly in time. */
  readonly tickMs = computed(() => Math.floor(this.state.value.nowMs / TICK_MS) * TICK_MS);
  readonly brokerViews = computed(() => {
    const { brokers, replicas, znodes, happenings } = this.parts;
    const nowMs = this.tickMs.value;
    const seen = {
      brokers: brokers.value,
      replicas: replicas.value,
      znodes: znodes.value,
      happenings: happenings.value,
    };
    return brokerViews({ ...seen, nowMs });
  });
  /** Who stands in the picture, as text: the places are counted again only when it is another. */
  readonly hosts = computed(() => {
    const { brokers, producers, consumers } = this.parts;
    const rows = Math.max(0, ...this.brokerViews.value.map((view) => view.rows.length));
    const there = { brokers: brokers.value, producers: producers.value, consumers: consumers.value };
    return JSON.stringify(hostsOf(there, rows));
  });
  readonly time = signal(STOPPED);
  readonly failure = signal<string | null>(null);
  /** What the events come from, and how it stands with it. */
  readonly source = signal<SourceReport>(VIRTUAL_SOURCE);
  readonly selection = signal<Selection | null>(null);
  readonly details = signal<Details>(null);
  readonly menuAt = signal<{ readonly x: number; readonly y: number; readonly host: string } | null>(null);
  readonly hasActed = signal(false);
  /** The form that is open; null: none. */
  readonly form = signal<string | null>(null);
  /** The stretch of time that was chosen in the timeline; null: all of the run, or its end. */
  readonly zoom = signal<TimeWindow | null>(null);
  /** Who watches the znode that is looked at. */
  readonly watchers = signal<readonly string[] | null>(null);
  /** Chosen with the speed control; what is played at is in `time`. */
  readonly speed = signal<Speed>('auto');
  /** The latest moment that was reached in this run: the timeline reaches so far. */
  readonly farthestMs = signal(0);
  /** The stretch of time that the timeline shows; it moves in steps. */
  readonly timeView = computed(() => {
    const nowMs = this.tickMs.value;
    const endMs = Math.max(this.time.value.lastActionMs ?? 0, this.farthestMs.value);
    const chosen = this.zoom.value;
    return chosen ? following(chosen, nowMs) : windowOf(nowMs, endMs);
  });
  /** The past is shown, and the worker is still on its way there. */
  readonly isFollowing = signal(false);
  /** Virtual time as drawn: it runs on between two reports. */
  readonly drawnMs = signal(0);
  readonly selectedBroker = computed(() => {
    const chosen = this.selection.value;
    return chosen?.kind === 'broker' || chosen?.kind === 'replica' ? chosen.broker : null;
  });
  /** A run was asked for; it has begun, and the next report says that it is there. */
  private loading: 'asked' | 'begun' | undefined;
  private report = STOPPED;
  private reportedAt = 0;
  private asks = 0;
  private isSeeking = false;
  private nextSeekMs: number | undefined;

  constructor(
    private from: Source,
    private readonly keepLink: (run: Run) => void,
  ) {
    this.listen();
  }

  send(message: ToWorker): void {
    this.from.send(message);
  }

  private listen(): void {
    const { from } = this;
    from.listen((message) => {
      if (from === this.from) this.hear(message);
    });
  }

  /** Another source takes the place of this one, from its beginning. */
  use(source: Source): void {
    this.from.close();
    this.from = source;
    this.source.value = VIRTUAL_SOURCE;
    this.run.value = FIRST_RUN;
    this.isSeeking = false;
    this.listen();
    this.load(this.run.value);
  }

  retry(): void {
    this.from.retry?.();
  }

  /** To the present of a real cluster. */
  goLive(): void {
    this.send({ type: 'seek', atMs: Number.MAX_SAFE_INTEGER });
    this.play('auto');
  }

  /** Goes to `atMs`, or to when the scene is ready, and plays from there. */
  load(run: Run, atMs?: number): void {
    this.loading = 'asked';
    this.isSeeking = this.isFollowing.value = false;
    this.nextSeekMs = undefined;
    this.failure.value = null;
    this.hasActed.value = run.actions.length > 0;
    this.selection.value = null;
    this.zoom.value = null;
    this.farthestMs.value = 0;
    this.pictures.forget();
    this.send({ type: 'load', run, ...(atMs === undefined ? {} : { atMs }) });
  }

  /** The lesson from its beginning; without one, the run without what was done in it. */
  begin(lesson: LessonScript | undefined): void {
    const run = this.run.value;
    if (lesson) this.load(lessonRun(lesson), lesson.startMs);
    else this.load(run.lesson === null && run.exercise === null ? { ...run, actions: [] } : FIRST_RUN);
  }

  /** The exercise from its beginning. */
  beginExercise(exercise: Exercise): void {
    this.load(exerciseRun(exercise), START_MS);
  }

  play(speed: Speed = this.speed.value): void {
    this.speed.value = speed;
    this.send({ type: 'play', speed });
  }

  pause(): void {
    this.send({ type: 'pause' });
  }

  toggle(): void {
    if (this.time.value.isPlaying) this.pause();
    else this.play();
  }

  setSpeed(speed: Speed): void {
    this.speed.value = speed;
    if (this.time.value.isPlaying) this.play(speed);
  }

  /**
   * What the page has seen is shown at once; the worker follows, for which back is a run again. While one is
   * under way only the latest wish is kept.
   */
  seek(atMs: number): void {
    const wanted = Math.max(0, atMs);
    const isKnown = this.showPast(wanted);
    if (this.isSeeking) {
      this.nextSeekMs = wanted;
      return;
    }
    this.isSeeking = true;
    this.send({ type: 'seek', atMs: wanted, ...(isKnown ? { isKnown } : {}) });
  }

  /** Other sources have their own past, and are there at once. */
  private showPast(atMs: number): boolean {
    if (this.source.value.kind !== 'virtual') return false;
    this.pictures.fold(this.report.nowMs);
    if (!this.pictures.showPast(atMs)) return false;
    this.report = { ...this.report, nowMs: atMs, isPlaying: false, drivenSpeed: 0 };
    this.isFollowing.value = true;
    return true;
  }

  private sought(): void {
    const { nextSeekMs } = this;
    this.isSeeking = false;
    this.nextSeekMs = undefined;
    if (nextSeekMs !== undefined) this.seek(nextSeekMs);
  }

  home(): void {
    this.seek(0);
  }

  /** To the moment of the event before this one. */
  back(): void {
    const { lines } = this.chronicle.value;
    const now = this.state.value.nowMs;
    this.seek(lines.findLast(({ atMs }) => atMs < now - 0.01)?.atMs ?? 0);
  }

  /** What the user asks of the cluster; time goes on, because something is to be seen. */
  act(action: Action): void {
    batch(() => {
      this.hasActed.value = true;
      this.pictures.branch();
      this.menuAt.value = null;
    });
    this.send({ type: 'command', action });
    this.play();
  }

  /** Shows a stretch of time that is `factor` times as long, around `atMs`. */
  zoomBy(factor: number, atMs: number = this.state.value.nowMs): void {
    this.zoom.value = zoomed(this.timeView.value, factor, atMs, this.farthestMs.value);
  }

  /** Opens a form, or closes it; the last one opened comes again. */
  openForm(id: string | null): void {
    this.form.value = id;
    if (id === null) return;
    this.selection.value = null;
    this.pause();
  }

  /** Looks at something: time stops, details stand beside. */
  select(selection: Selection | null): void {
    batch(() => {
      this.selection.value = selection;
      if (selection !== null) this.form.value = null;
      this.menuAt.value = null;
      this.details.value = selection?.kind === 'message' ? 'waiting' : null;
      this.watchers.value = null;
    });
    if (selection === null) return;
    // What is real goes on, also where it is looked at.
    if (this.source.value.kind !== 'real') this.pause();
    if (selection.kind === 'znode') this.send({ type: 'watchers', ask: ++this.asks, path: selection.path });
    if (selection.kind === 'message') this.send({ type: 'details', ask: ++this.asks, message: selection.id });
  }

  private hear(message: FromWorker): void {
    // The past is shown: what the worker had said before it went there is of another moment.
    if (this.isFollowing.value && (message.type === 'events' || message.type === 'time')) return;
    switch (message.type) {
      case 'reset':
        this.isFollowing.value = false;
        this.pictures.reset();
        if (this.loading === 'asked') this.loading = 'begun';
        this.run.value = message.run;
        return;
      case 'events':
        return this.pictures.take(message.events);
      case 'resumed':
        this.isFollowing.value = false;
        // Meanwhile another moment may be shown, to which the worker goes next.
        if (this.nextSeekMs !== undefined) return;
        return this.pictures.resumed(message.lastSeq, message.messages);
      case 'time':
        if (this.nextSeekMs === undefined) this.report = message;
        this.reportedAt = performance.now();
        if (this.isSeeking && !message.isPlaying) this.sought();
        // What is asked for earlier would end the way there.
        if (this.loading !== 'begun') return;
        this.loading = undefined;
        this.play();
        return;
      case 'run':
        this.run.value = message.run;
        this.keepLink(message.run);
        return;
      case 'source':
        this.source.value = message;
        return;
      case 'details':
        if (message.ask === this.asks) this.details.value = message.details ?? 'unknown';
        return;
      case 'watchers':
        if (message.ask === this.asks) this.watchers.value = message.hosts;
        return;
      case 'failed':
        this.failure.value = message.why;
        this.isSeeking = false;
        this.isFollowing.value = false;
    }
  }

  /** Once a frame: folds what has come and moves the clock. */
  frame(realMs: number): void {
    batch(() => {
      if (this.pictures.isWaiting) return;
      const { nowMs, isPlaying, drivenSpeed } = this.report;
      this.pictures.fold(nowMs);
      this.farthestMs.value = Math.max(this.farthestMs.value, nowMs);
      if (this.time.value !== this.report) this.time.value = this.report;
      const ahead = isPlaying
        ? Math.min(MAX_AHEAD_MS, Math.max(0, realMs - this.reportedAt)) * drivenSpeed
        : 0;
      this.drawnMs.value = nowMs + ahead;
    });
  }
}
