/** A `Partition` by itself: its log, clock, ZooKeeper and peers are played by the test. */
import { Partition, PartitionDeps } from '../../src/broker/partition';
import { Log as Logger, TimelineEvent } from '../../src/common/host';
import { LeaderEpochCache } from '../../src/log/leader-epoch-cache';
import { Log } from '../../src/log/log';
import { IsrMember, IsrWrite, IsrWriteResult, StateContent } from '../../src/zk/partition-state-store';

export const TP = { topic: 't', partition: 0 };
export const LAG_MS = 10000;

const silent: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugOn: false,
  child: () => silent,
};

/** As much of a log as a leader needs; records are appended by moving the end. */
class FakeLog {
  logEndOffset = 0;
  logStartOffset = 0;
  highWatermark = 0;
  /** The next batch is in the log already: it is the last one. */
  isRepeated = false;
  readonly epochs = new LeaderEpochCache([]);
  readonly config: Record<string, unknown> = { 'min.insync.replicas': 1, 'cleanup.policy': ['delete'] };

  updateHighWatermark(offset: number): boolean {
    const moved = offset !== this.highWatermark;
    this.highWatermark = offset;
    return moved;
  }

  read(): Buffer[] {
    return [];
  }

  appendAsLeader(records: Buffer): {
    firstOffset: number;
    lastOffset: number;
    logAppendTimeMs: number;
    isDuplicate: boolean;
  } {
    if (!this.isRepeated) this.logEndOffset += records.length;
    const firstOffset = this.logEndOffset - records.length;
    return {
      firstOffset,
      lastOffset: this.logEndOffset - 1,
      logAppendTimeMs: -1,
      isDuplicate: this.isRepeated,
    };
  }
}

/** A write of the ISR that ZooKeeper has not answered yet. */
export interface IsrWriteCall {
  readonly content: StateContent;
  readonly zkVersion: number;
  readonly members: readonly IsrMember[];
  /** Applied: the znode is at the next version. */
  ok(): Promise<void>;
  answer(result: IsrWriteResult): Promise<void>;
  /** The reply is lost. */
  lose(): Promise<void>;
}

/** Enough turns for a settled promise to reach who awaits it. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Broker 1's replica. */
export class LonePartition {
  nowMs = 0;
  readonly log = new FakeLog();
  readonly events: TimelineEvent[] = [];
  readonly writes: IsrWriteCall[] = [];
  readonly liveEpochs = new Map<number, number>();
  private timers: { readonly atMs: number; readonly action: () => void }[] = [];
  readonly partition: Partition;

  constructor(lab: Partial<PartitionDeps['lab']> = {}) {
    const clock = {
      wallMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      schedule: (delayMs: number, action: () => void) => {
        const timer = { atMs: this.nowMs + delayMs, action };
        this.timers.push(timer);
        return {
          cancel: () => {
            this.timers = this.timers.filter((one) => one !== timer);
          },
        };
      },
    };
    const host = {
      clock,
      event: (event: TimelineEvent) => {
        this.events.push(event);
      },
    } as unknown as PartitionDeps['host'];
    this.partition = new Partition(TP, this.log as unknown as Log, {
      brokerId: 1,
      host,
      log: silent,
      lagTimeMaxMs: LAG_MS,
      writeIsr: (_, write) => this.write(write),
      liveBrokerEpoch: (id) => this.liveEpochs.get(id),
      onIsrChanged: () => {},
      onProgress: () => {},
      lab: { joinAtHighWatermark: false, freezeOnConflict: false, ...lab },
    });
  }

  private write({ content, expectedZkVersion: zkVersion, members }: IsrWrite): Promise<IsrWriteResult> {
    return new Promise((resolve, reject) => {
      const answer = (result: IsrWriteResult) => {
        resolve(result);
        return turns();
      };
      this.writes.push({
        content,
        zkVersion,
        members,
        answer,
        ok: () => answer({ kind: 'ok', state: { ...content, zkVersion: zkVersion + 1 } }),
        lose: () => {
          reject(new Error('the reply is lost'));
          return turns();
        },
      });
    });
  }

  get lastWrite(): IsrWriteCall {
    return this.writes.at(-1)!;
  }
  get isr(): string {
    return this.partition.isr.join();
  }
  get maximalIsr(): string {
    return this.partition.maximalIsr.join();
  }

  state(leader: number, leaderEpoch: number, isr: readonly number[], zkVersion: number) {
    return {
      ...TP,
      controllerEpoch: 1,
      leader,
      leaderEpoch,
      isr: [...isr],
      zkVersion,
      replicas: [1, 2, 3, 4],
      addingReplicas: [],
      removingReplicas: [],
      isNew: false,
    };
  }

  /** Leads with `isr` at version 7 of the state, in epoch 5; its log ends at `end`. */
  lead(isr: readonly number[], end: number): this {
    this.log.logEndOffset = end;
    this.partition.makeLeader(this.state(1, 5, isr, 7));
    return this;
  }

  /** Broker `id` fetches at `offset`; its broker epoch is known to be `brokerEpoch` unless told otherwise. */
  fetch(id: number, offset: number, brokerEpoch = id * 10): void {
    if (!this.liveEpochs.has(id)) this.liveEpochs.set(id, brokerEpoch);
    this.partition.recordFollowerFetch(id, { fetchOffset: offset, logStartOffset: 0, brokerEpoch });
  }

  /** Time goes by; timers that are due run. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { action } of due) action();
    await turns();
  }

  happened(what: string): number {
    return this.events.filter((event) => event.what === what).length;
  }
}
