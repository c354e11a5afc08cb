/**
 * Warnings of several kinds, each of which may repeat: one kind does not hush another.
 *
 * Bound: at most `MAX_KINDS` kinds are remembered; the oldest is forgotten first, and is then said at once
 * again.
 */
import { Clock, Log } from './host';
import { RepeatedWarning } from './repeated-warning';

const MAX_KINDS = 256;

export class RepeatedWarnings {
  private readonly kinds = new Map<string, RepeatedWarning>();

  constructor(private readonly clock: Clock, private readonly log: Pick<Log, 'warn'>) {}

  /** Writes `text`, or counts it; whether it was written. `kind` is what makes two warnings the same. */
  warn(kind: string, text: string): boolean {
    let isWritten = false;
    this.ofKind(kind).warn(() => {
      isWritten = true;
      return text;
    });
    return isWritten;
  }

  private ofKind(kind: string): RepeatedWarning {
    const known = this.kinds.get(kind);
    if (known !== undefined) return known;
    if (this.kinds.size >= MAX_KINDS) this.kinds.delete(this.kinds.keys().next().value!);
    const fresh = new RepeatedWarning(this.clock, this.log);
    this.kinds.set(kind, fresh);
    return fresh;
  }
}
