/**
 * The picture as it is now, folded from events as they come, and as it was at any moment that was seen.
 *
 * Events are kept until the next frame and folded together: however many come, a frame costs one fold and one
 * drawing.
 */
import { batch, signal } from '@preact/signals';
import { LabEvent, MessageSight } from '../shared/events';
import { Run } from '../shared/run';
import { EMPTY_STATE } from '../shared/state';
import { NOT_JUDGED } from './exercises/script';
import { EMPTY_NOTES } from './lessons/script';
import { EMPTY_CHRONICLE, isLonger } from './model/chronicle';
import { CHAPTER_EVENTS, History } from './model/history';
import { EMPTY_PICTURE, Picture, pictureAfter, withMessages } from './model/picture';

export class Pictures {
  readonly state = signal(EMPTY_STATE);
  readonly chronicle = signal(EMPTY_CHRONICLE);
  /** The longest that was seen of this run: after going back, what is still to come. */
  readonly known = signal(EMPTY_CHRONICLE);
  /** What the lesson of this run has noted. */
  readonly notes = signal(EMPTY_NOTES);
  /** How far the exercise of this run has come. */
  readonly judged = signal(NOT_JUDGED);
  private pending: LabEvent[] = [];
  private mustReset = false;
  private readonly history = new History<Picture>((before, events, nowMs) =>
    pictureAfter(before, events, nowMs, this.run()),
  );

  constructor(private readonly run: () => Run) {}

  /** A run that began again has not come to its moment yet: the picture stays as it was. */
  get isWaiting(): boolean {
    return this.mustReset && this.pending.length === 0;
  }

  take(events: readonly LabEvent[]): void {
    for (const event of events) this.pending.push(event);
  }

  /** The events that come next are those of a run from its start. */
  reset(): void {
    this.pending = [];
    this.mustReset = true;
  }

  /** What was to come is of another run. */
  forget(): void {
    this.pending = [];
    this.history.clear();
    this.known.value = EMPTY_CHRONICLE;
  }

  /** From here on the run goes on otherwise. */
  branch(): void {
    this.known.value = this.chronicle.value;
    this.history.forgetAfter(this.now);
  }

  private get now(): Picture {
    const { state, chronicle, notes, judged } = this;
    return { state: state.value, chronicle: chronicle.value, notes: notes.value, judged: judged.value };
  }

  private show({ state, chronicle, notes, judged }: Picture): void {
    batch(() => {
      this.state.value = state;
      this.chronicle.value = chronicle;
      this.notes.value = notes;
      this.judged.value = judged;
      if (isLonger(chronicle, this.known.value)) this.known.value = chronicle;
    });
  }

  /** Folds what has come until `nowMs`; many events in parts, so that each part can be gone back to. */
  fold(nowMs: number): void {
    if (this.isWaiting) return;
    const events = this.pending;
    this.pending = [];
    if (!this.mustReset && events.length === 0 && nowMs === this.state.value.nowMs) return;
    if (this.mustReset) this.history.clear();
    let picture = this.mustReset ? EMPTY_PICTURE : this.now;
    this.mustReset = false;
    for (let i = 0; i === 0 || i < events.length; i += CHAPTER_EVENTS) {
      const part = events.slice(i, i + CHAPTER_EVENTS);
      const untilMs = i + CHAPTER_EVENTS < events.length ? part.at(-1)!.atMs : nowMs;
      this.history.append(picture, part, untilMs);
      picture = pictureAfter(picture, part, untilMs, this.run());
    }
    this.show(picture);
  }

  /** Shows a moment that was seen; false: it was not, or too long ago. */
  showPast(atMs: number): boolean {
    const picture = this.history.at(atMs);
    if (picture) this.show(picture);
    return picture !== undefined;
  }

  /** The worker has come to the moment that is shown. */
  resumed(lastSeq: number, messages: readonly MessageSight[]): void {
    this.show(withMessages(this.now, lastSeq, messages));
  }
}
