/**
 * Repeated warnings of several kinds: a kind that repeats does not suppress another kind.
 *
 * Bound: at most `MAX_KINDS` kinds are remembered. The oldest is forgotten first; its next warning is logged
 * at once.
 */
import { Clock, Log } from './host';
import { RepeatedWarning } from './repeated-warning';

const MAX_KINDS = 256;

export class RepeatedWarnings {
  private readonly kinds = new Map<string, RepeatedWarning>();

  constructor(
    private readonly clock: Clock,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /**
   * Logs or counts the warning; returns whether it was logged. Warnings of the same `kind` suppress each
   * other.
   */
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
