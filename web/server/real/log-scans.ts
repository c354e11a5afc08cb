/**
 * What is in the log of a partition's leader, read by a consumer as anybody could: for the count of
 * acknowledged records that are lost. Reading takes a while, so what was acknowledged after it began is not
 * judged by it.
 */
import { ClientEnvironment } from '../../../src/client/client-config';
import { TopicPartition, tpName } from '../../../src/common/cluster-types';
import { RawConfig } from '../../../src/common/config-def';
import { Consumer } from '../../../src/consumer/consumer';
import { idOf } from '../../../src/simulation/workload';
import { LeaderLog, LeaderLogs } from '../../engine/ledger';

const SCAN_WITHIN_MS = 60_000;
const RETRY_MS = 1000;
const LOOK_MS = 50;
const POLL_MS = 500;

interface Scan {
  isBusy: boolean;
  /** It was asked for again while it was read. */
  isStale: boolean;
  found: LeaderLog | undefined;
}

export interface ScanDeps {
  readonly environment: () => ClientEnvironment;
  readonly settings: RawConfig;
  /** Where the leader's log ends, committed or not; undefined: nobody says. */
  readonly logEnd: (tp: TopicPartition) => Promise<number | undefined>;
}

export class LogScans implements LeaderLogs {
  private readonly scans = new Map<string, Scan>();
  private isClosed = false;

  constructor(private readonly deps: ScanDeps) {}

  /** What was read is no longer true. */
  invalidate(tp: TopicPartition): void {
    const scan = this.scans.get(tpName(tp));
    if (!scan) return;
    scan.found = undefined;
    scan.isStale = scan.isBusy;
  }

  find(tp: TopicPartition, acked: number): LeaderLog | undefined {
    const name = tpName(tp);
    const scan = this.scans.get(name) ?? { isBusy: false, isStale: false, found: undefined };
    this.scans.set(name, scan);
    if (scan.found) return scan.found;
    if (!scan.isBusy && !this.isClosed) this.begin(tp, scan, acked);
    return undefined;
  }

  close(): void {
    this.isClosed = true;
  }

  private begin(tp: TopicPartition, scan: Scan, covers: number): void {
    scan.isBusy = true;
    this.read(tp)
      .then(
        ({ logStart, ids }) => {
          if (!scan.isStale) scan.found = { logStart, covers, ids: () => ids };
        },
        // No leader yet, or it died meanwhile: once more.
        () => new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS)),
      )
      .finally(() => {
        scan.isBusy = false;
        scan.isStale = false;
      })
      .catch(() => {});
  }

  private async read(tp: TopicPartition): Promise<{ logStart: number; ids: ReadonlyMap<number, string> }> {
    const { environment, settings, logEnd } = this.deps;
    const deadlineMs = Date.now() + SCAN_WITHIN_MS;
    const consumer = await Consumer.open(environment(), {
      ...settings,
      'auto.offset.reset': 'earliest',
      'max.poll.records': 5000,
    });
    try {
      const wanted = await logEnd(tp);
      if (wanted === undefined) throw new Error('there is no leader');
      // What is in the log and not yet committed is not lost: it is waited for.
      let end = await consumer.endOffset(tp);
      while (end < wanted && Date.now() < deadlineMs) {
        await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
        end = await consumer.endOffset(tp);
      }
      const logStart = await consumer.beginningOffset(tp);
      const ids = new Map<number, string>();
      consumer.assign([tp]);
      consumer.seekToBeginning([tp]);
      while ((await consumer.position(tp)) < end) {
        if (Date.now() > deadlineMs || this.isClosed) throw new Error('the log was not read in time');
        for (const { offset, value } of await consumer.poll(POLL_MS)) {
          if (Buffer.isBuffer(value)) ids.set(offset, idOf(value));
        }
      }
      return { logStart, ids };
    } finally {
      await consumer.close(1000);
    }
  }
}
