/**
 * What the page has seen of a run, so that going back shows the past at once, without waiting for the run to
 * be run again: states at some moments, and the events between them.
 *
 * Invariant: `at(t)` is what folding all events up to `t` gives; for the messages on their way that holds
 * only as far as they were told. The oldest is forgotten first, so that the memory stays flat.
 */
import { LabEvent } from '../../shared/events';

/** What is folded from events up to a moment. */
export interface Moment {
  readonly state: { readonly nowMs: number; readonly lastSeq: number };
}

export type FoldMoment<M extends Moment> = (before: M, events: readonly LabEvent[], nowMs: number) => M;

interface Chapter<M> {
  readonly before: M;
  readonly events: LabEvent[];
}

export const CHAPTER_EVENTS = 1500;
const MAX_EVENTS = 90_000;

export class History<M extends Moment> {
  private chapters: Chapter<M>[] = [];
  private count = 0;
  /** How far it reaches. */
  private endMs = -1;

  constructor(private readonly fold: FoldMoment<M>) {}

  clear(): void {
    this.chapters = [];
    this.count = 0;
    this.endMs = -1;
  }

  /** `before`: the moment that the events follow on. What was known of a later time is forgotten. */
  append(before: M, events: readonly LabEvent[], nowMs: number): void {
    this.forgetAfter(before);
    const last = this.chapters.at(-1);
    if (!last || last.events.length >= CHAPTER_EVENTS) this.chapters.push({ before, events: [...events] });
    else for (const event of events) last.events.push(event);
    this.count += events.length;
    this.endMs = nowMs;
    while (this.count > MAX_EVENTS && this.chapters.length > 1)
      this.count -= this.chapters.shift()!.events.length;
  }

  /** From here on it goes on otherwise, or is told again. */
  forgetAfter({ state: { lastSeq, nowMs } }: Moment): void {
    if (this.endMs <= nowMs && (this.chapters.at(-1)?.events.at(-1)?.seq ?? 0) <= lastSeq) return;
    while (this.chapters.length > 0 && this.chapters.at(-1)!.before.state.lastSeq > lastSeq)
      this.count -= this.chapters.pop()!.events.length;
    const events = this.chapters.at(-1)?.events ?? [];
    while (events.length > 0 && events.at(-1)!.seq > lastSeq) {
      events.pop();
      this.count--;
    }
    this.endMs = Math.min(this.endMs, nowMs);
  }

  /** Undefined: it was too long ago, or is still to come. */
  at(atMs: number): M | undefined {
    if (atMs > this.endMs) return undefined;
    const chapter = this.chapters.findLast(({ before }) => before.state.nowMs <= atMs);
    if (!chapter) return undefined;
    const { before, events } = chapter;
    // A moment between two chapters may share its time with the end of the one before.
    const until = events.findIndex((event) => event.atMs > atMs);
    return this.fold(before, until < 0 ? events : events.slice(0, until), atMs);
  }
}
