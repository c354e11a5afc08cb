/**
 * The run's events in the making: numbered from 1, stamped with virtual time, handed on in order by `drain`.
 *
 * Invariant: what is told depends on the run alone, never on how the run was divided into steps.
 */
import { LabEvent, LabSight, Sight } from '../shared/events';
import { WorldEvent } from '../../src/simulation/world';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Where watchers and programs tell what they see: the log of a run, or the hub of a real cluster. */
export interface EventTeller {
  see(who: string, sight: Sight): void;
  happened(who: string, what: string, fields: Readonly<Record<string, unknown>>): void;
}

export class EventLog implements EventTeller {
  private fresh: LabEvent[] = [];
  /** Happenings so far: what `step to the next event` waits for. */
  happenings = 0;
  /** The number of the event that was told last. */
  seq = 0;

  constructor(private readonly nowMs: () => number) {}

  /** Takes the sight for its own: it becomes the event. */
  see(who: string, sight: Sight): void {
    const event = sight as LabSight as Mutable<LabSight>;
    event.seq = ++this.seq;
    event.atMs = this.nowMs();
    event.who = who;
    this.fresh.push(event);
  }

  happened(who: string, what: string, fields: Readonly<Record<string, unknown>>): void {
    this.happenings++;
    const said = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value ?? null]));
    this.fresh.push({ ...said, seq: ++this.seq, atMs: this.nowMs(), who, what });
  }

  /** An event of the simulation's timeline. */
  timeline({ time: _time, who, what, ...fields }: WorldEvent): void {
    this.happened(who, what, fields);
  }

  /** What was told since the last time. */
  drain(): LabEvent[] {
    const events = this.fresh;
    this.fresh = [];
    return events;
  }
}
