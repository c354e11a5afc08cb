/**
 * The events that are enough to draw the present: of every thing its last sight, and the newest happenings.
 * Whoever joins late, or missed too much, begins with these and sees what everybody sees.
 *
 * Invariant: events of a snapshot are in the order of their numbers, and each is an event that was told.
 */
import { Happening, isSight, LabEvent, LabSight, linkName, replicaName } from './events';

/** Happenings that are kept: enough for the list of what happened. */
const KEPT_HAPPENINGS = 1000;

/** What the sight is of; null: nothing stays of it (a record that was acknowledged or read). */
function subjectOf(sight: LabSight): string | null {
  switch (sight.what) {
    case 'broker':
    case 'disk':
      return `${sight.what} ${sight.broker}`;
    case 'link':
      return `link ${linkName(sight.from, sight.to)}`;
    case 'znode':
      return `znode ${sight.path}`;
    case 'session':
      return `session ${sight.session}`;
    case 'replica':
    case 'replica-gone':
      return `replica ${replicaName(sight)}`;
    case 'producer':
      return `producer ${sight.producer}`;
    case 'consumer':
      return `consumer ${sight.consumer}`;
    case 'group':
      return `group ${sight.group}`;
    case 'check':
      return `check ${sight.check}`;
    case 'verdict':
    case 'ready':
      return sight.what;
    default:
      return null;
  }
}

/** Its subject is there no longer. */
function isGone(sight: LabSight): boolean {
  switch (sight.what) {
    case 'replica-gone':
      return true;
    case 'znode':
      return sight.change === 'deleted';
    case 'session':
      return sight.state === 'ended';
    case 'link':
      return !sight.isCut;
    default:
      return false;
  }
}

export class Snapshot {
  private readonly sights = new Map<string, LabEvent>();
  private happenings: Happening[] = [];

  take(event: LabEvent): void {
    if (!isSight(event)) {
      this.happenings.push(event);
      if (this.happenings.length > 2 * KEPT_HAPPENINGS)
        this.happenings = this.happenings.slice(-KEPT_HAPPENINGS);
      return;
    }
    const subject = subjectOf(event);
    if (subject === null) return;
    // A promise that was broken stays broken.
    if (event.what === 'check' && this.isBroken(subject)) return;
    if (isGone(event)) this.sights.delete(subject);
    else this.sights.set(subject, event);
  }

  private isBroken(subject: string): boolean {
    const before = this.sights.get(subject) as { readonly isGood?: boolean } | undefined;
    return before?.isGood === false;
  }

  events(): LabEvent[] {
    const all: LabEvent[] = [...this.sights.values(), ...this.happenings.slice(-KEPT_HAPPENINGS)];
    return all.sort((a, b) => a.seq - b.seq);
  }
}
