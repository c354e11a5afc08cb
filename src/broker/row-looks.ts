/**
 * Looks into ZooKeeper at what a request claims of many partitions: which of them ZooKeeper contradicts.
 *
 * What a plain read contradicts is read again after a sync, since the member that we ask may lag behind.
 * Bounds: one look at a time, and a pause after one that refuted something; `MAX_WAITING` others wait, more
 * are sent away; partitions are read some at a time, so that the broker's own reads and writes get their
 * turn; and by the deadline a look ends, whatever was asked.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Clock, sleep, withDeadline } from '../common/host';

/** By `topic-partition`; `unconfirmed`: nothing is known. */
export type Refuted = ReadonlySet<string> | 'unconfirmed';

const MAX_WAITING = 16;
const READ_AT_ONCE = 100;
export const PAUSE_MS = 100;

/** Those of the rows that ZooKeeper contradicts. */
type Judge<Row> = (rows: readonly Row[]) => Promise<readonly Row[]>;

export class RowLooks {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly clock: Clock,
    private readonly sync: () => Promise<void>,
    private readonly deadlineMs: number,
  ) {}

  /** The names of what is contradicted. Of several rows with one name the last is looked at. */
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
