/**
 * Checks a request's claims about many partitions against ZooKeeper, and finds the partitions that ZooKeeper
 * contradicts.
 *
 * A claim that a plain read contradicts is read again after a sync, because the ZooKeeper server may lag
 * behind. Bounds: one check at a time, and a pause after one that refuted a claim; `MAX_WAITING` checks wait,
 * further ones end as `unconfirmed`; partitions are read in chunks, so that the broker's own operations get
 * their turn; every check ends at its deadline.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Clock, sleep, withDeadline } from '../common/host';

/**
 * Names (`topic-partition`) of the contradicted partitions. `unconfirmed`: the claims could not be checked.
 */
export type Refuted = ReadonlySet<string> | 'unconfirmed';

const MAX_WAITING = 16;
const READ_AT_ONCE = 100;
export const PAUSE_MS = 100;

/** Returns the rows that ZooKeeper contradicts. */
type Judge<Row> = (rows: readonly Row[]) => Promise<readonly Row[]>;

export class RowLooks {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly clock: Clock,
    private readonly sync: () => Promise<void>,
    private readonly deadlineMs: number,
  ) {}

  /**
   * The names of the contradicted partitions. If several rows have the same name, the last one is checked.
   */
  async contradicted<Row extends TopicPartition>(rows: readonly Row[], judge: Judge<Row>): Promise<Refuted> {
    if (rows.length === 0) return new Set();
    if (this.waiting >= MAX_WAITING) return 'unconfirmed';
    const single = [...new Map(rows.map((row) => [tpName(row), row])).values()];
    const untilMs = this.clock.monotonicMs() + this.deadlineMs;
    this.waiting++;
    const look = this.last.then(() => this.look(single, judge, untilMs));
    const pause = (found: readonly Row[]) => (found.length > 0 ? sleep(this.clock, PAUSE_MS) : undefined);
    const done = () => this.waiting--;
    this.last = look.then(pause, () => {}).then(done, done);
    const tooLate = () => new Error('ZooKeeper does not answer');
    try {
      return new Set((await withDeadline(this.clock, this.deadlineMs, look, tooLate)).map(tpName));
    } catch (error) {
      if (error instanceof InvariantError || error instanceof TypeError) throw error;
      return 'unconfirmed';
    }
  }

  private async look<Row>(rows: readonly Row[], judge: Judge<Row>, untilMs: number): Promise<readonly Row[]> {
    const open = await this.read(rows, judge, untilMs);
    if (open.length === 0) return open;
    await this.sync();
    return this.read(open, judge, untilMs);
  }

  private async read<Row>(rows: readonly Row[], judge: Judge<Row>, untilMs: number): Promise<Row[]> {
    const open: Row[] = [];
    for (let i = 0; i < rows.length; i += READ_AT_ONCE) {
      if (this.clock.monotonicMs() >= untilMs) throw new Error('the look took too long');
      open.push(...(await judge(rows.slice(i, i + READ_AT_ONCE))));
    }
    return open;
  }
}
