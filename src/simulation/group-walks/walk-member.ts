/**
 * A consumer of a group walk. It polls all the time, as a program does to stay a member, but takes only as
 * many records as the steps have allowed. Commits, seeks and closes run between two polls.
 *
 *   OneOwner      in a generation a partition has one owner
 *   CommitsGoOn   it starts at the last acknowledged commit, or at a later one with an unknown outcome
 *   CommitsFollow it commits only positions that it has had
 *   InOrder       it reads from its position without a gap, and after a seek from the new position
 *   HandedOver    with auto-commit, it has committed what it gives up, unless a commit failed
 *   Undisturbed   without faults no commit fails except by a rebalance, and no partition is lost
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { KafkaError, messageOf } from '../../common/errors';
import { sleep } from '../../common/host';
import { Consumer } from '../../consumer/consumer';
import { OffsetCommit } from '../../consumer/offset-committer';
import { SimCluster } from '../sim-cluster';
import { SimHost } from '../sim-host';
import { Write } from './commit-book';
import { GroupBooks } from './group-books';

export type CommitStyle = 'explicit' | 'auto';

export interface MemberOptions {
  readonly name: string;
  readonly config: RawConfig;
  readonly style: CommitStyle;
  /** Assigns all partitions to itself, instead of being a member of the group. */
  readonly isAlone: boolean;
}

const POLL_MS = 60;
const COMMIT_TIMEOUT_MS = 1200;
const STALL_LOOK_MS = 50;
/** Errors of commits that are allowed during faults or a rebalance. */
const FORGIVEN = ['COMMIT_FAILED', 'TIMEOUT', 'REBALANCE_IN_PROGRESS', 'ILLEGAL_STATE'];
/** Errors with which a call may end at any moment, and is then repeated. */
const RETRIED = ['TIMEOUT', 'REBALANCE_IN_PROGRESS'];

interface Reading {
  /** The offset of the next record; undefined until the consumer knows its position. */
  next: number | undefined;
  /** The last acknowledged commit when the partition was assigned: an older one must not be found. */
  readonly floor: Write | undefined;
  /** After a seek to the beginning or the end: the limits of the new position; no upper limit for the end. */
  sought: { readonly from: number; readonly to?: number } | undefined;
}

export class WalkMember {
  readonly consumer: Consumer;
  /** The number of records that it may still take. */
  budget = 0;
  isStalled = false;
  isClosed = false;
  private isClosing = false;
  /** What ended the consumer, if it was not a step. */
  endedWith: string | undefined;
  /** Set by every fault that may cause an expulsion or a failed commit. */
  isDisturbed = false;
  readonly readings = new Map<string, Reading>();
  private lastGeneration = 0;
  private readonly orders: (() => Promise<void> | void)[] = [];

  constructor(
    readonly options: MemberOptions,
    private readonly environment: ReturnType<SimCluster['environment']>,
    private readonly books: GroupBooks,
  ) {
    this.consumer = new Consumer(environment, {
      ...options.config,
      'interceptor.classes': [{ onCommit: (commits: readonly OffsetCommit[]) => this.committed(commits) }],
    });
    this.run().catch((error) => {
      const { errorName } = error as KafkaError;
      this.endedWith = errorName ? `${errorName}: ${messageOf(error)}` : String((error as Error).stack);
      this.violation(`Liveness: ${this.name} ended with ${this.endedWith}`);
    });
  }

  get host(): SimHost {
    return this.environment.simHost;
  }
  get name(): string {
    return this.options.name;
  }
  get isDead(): boolean {
    return this.host.life.isDead;
  }
  get isPolling(): boolean {
    return !this.isDead && !this.isClosed && this.endedWith === undefined;
  }

  private violation(text: string): void {
    this.books.violation(text);
  }

  /** The current generation, or the last one in which it was a member. */
  private get generation(): number {
    const { generation } = this.options.isAlone ? { generation: 0 } : this.consumer.groupMetadata();
    return generation >= 0 ? generation : this.lastGeneration;
  }

  private async run(): Promise<void> {
    const { consumer, books } = this;
    if (this.options.isAlone) {
      consumer.assign(books.partitions);
      this.assigned(books.partitions);
    } else {
      await consumer.subscribe(books.topics, {
        onPartitionsAssigned: (tps) => this.assigned(tps),
        onPartitionsRevoked: (tps) => this.revoked(tps),
        onPartitionsLost: (tps) => this.lost(tps),
      });
    }
    while (!this.isClosed) {
      for (const order of this.orders.splice(0)) await order();
      if (this.isStalled) await sleep(this.environment.host.clock, STALL_LOOK_MS);
      else if (!this.isClosed) await this.poll();
    }
  }

  private async poll(): Promise<void> {
    const records = await this.consumer.poll(POLL_MS, { maxRecords: this.budget });
    this.budget -= records.length;
    this.noteGeneration();
    for (const record of records) this.took(record, record.offset, String(record.value));
    for (const [name, reading] of this.readings) {
      if (reading.next === undefined) await this.look(name, reading);
    }
  }

  /** In a new generation, partitions that a cooperative member keeps are not assigned again. */
  private noteGeneration(): void {
    const { generation, books, options } = this;
    if (generation === this.lastGeneration || options.isAlone) return;
    this.lastGeneration = generation;
    for (const tp of this.consumer.assignment()) books.owned(tp, generation, this.name);
  }

  /** Checks whether the consumer knows its position, and whether the position is valid. */
  private async look(name: string, reading: Reading): Promise<void> {
    const tp = this.consumer.assignment().find((one) => tpName(one) === name);
    if (!tp) return;
    try {
      this.starts(tp, reading, await this.consumer.position(tp, 0));
    } catch (error) {
      if (!(error instanceof KafkaError) || !RETRIED.includes(error.errorName)) throw error;
    }
  }

  private starts(tp: TopicPartition, reading: Reading, position: number): void {
    const { books } = this;
    if (reading.next !== undefined || this.readings.get(tpName(tp)) !== reading) return;
    const { sought } = reading;
    if (sought !== undefined) {
      const to = sought.to ?? books.endOf(tp);
      if (position < sought.from || position > to) {
        this.violation(
          `SeeksHold: ${this.name} stands at ${position} of ${tpName(tp)}, ` +
            `having sought what lies between ${sought.from} and ${to}`,
        );
      }
      books.excuse(tp, position);
    } else {
      const allowed = books.commitsOf(tp).candidates(reading.floor, [0]);
      if (!allowed.has(position)) {
        this.violation(
          `CommitsGoOn: ${this.name} starts ${tpName(tp)} at ${position}, but ` +
            `${reading.floor?.offset ?? 'nothing'} was committed (${[...allowed]} possible)`,
        );
      }
    }
    reading.sought = undefined;
    this.stands(tp, reading, position);
  }

  private stands(tp: TopicPartition, reading: Reading, next: number): void {
    reading.next = next;
    this.books.commitsOf(tp).reached(this.name, this.generation, next);
  }

  private took(tp: TopicPartition, offset: number, value: string): void {
    const reading = this.readings.get(tpName(tp));
    if (!reading) {
      const text = `InOrder: ${this.name} was given ${tpName(tp)} offset ${offset}, which it does not own`;
      return this.violation(text);
    }
    if (reading.next === undefined) this.starts(tp, reading, offset);
    else if (reading.next !== offset) {
      this.violation(
        `InOrder: ${this.name} was given ${tpName(tp)} offset ${offset} where ${reading.next} was ` + `next`,
      );
    }
    this.books.processed(tp, offset, value, this.name);
    this.stands(tp, reading, offset + 1);
  }

  private assigned(tps: readonly TopicPartition[]): void {
    const { books } = this;
    books.cluster.event('assigned', `${this.name} ${tps.map(tpName)}`);
    for (const tp of tps) {
      this.readings.set(tpName(tp), { next: undefined, floor: books.commitsOf(tp).last, sought: undefined });
      if (this.options.isAlone) continue;
      books.owned(tp, this.generation, this.name);
      const other = books.taken(tp, this.name);
      if (other !== undefined) this.expectCalm(`was given ${tpName(tp)}, which ${other} still has,`);
    }
  }

  private revoked(tps: readonly TopicPartition[]): void {
    const { books } = this;
    books.cluster.event('revoked', `${this.name} ${tps.map(tpName)}`);
    const mayLag =
      this.options.style !== 'auto' || this.host.logLines.some((line) => /uto-commit .*failed/.test(line));
    for (const tp of tps) {
      const next = this.readings.get(tpName(tp))?.next;
      this.readings.delete(tpName(tp));
      books.given(tp, this.name);
      const committed = books.commitsOf(tp).last?.offset ?? 0;
      if (mayLag || next === undefined || next === committed) continue;
      this.violation(
        `HandedOver: ${this.name} gives ${tpName(tp)} up at ${next}, with ${committed} ` + `committed`,
      );
    }
  }

  private lost(tps: readonly TopicPartition[]): void {
    this.books.cluster.event('lost', `${this.name} ${tps.map(tpName)}`);
    for (const tp of tps) {
      this.readings.delete(tpName(tp));
      this.books.given(tp, this.name);
    }
    // A member that leaves during a rebalance has lost its partitions, as in Kafka.
    if (!this.isClosing) this.expectCalm(`lost ${tps.map(tpName)}`);
  }

  private expectCalm(what: string): void {
    if (!this.isDisturbed) this.violation(`Undisturbed: ${this.name} ${what} though nothing had failed`);
  }

  private committed(commits: readonly OffsetCommit[]): void {
    for (const { topic, partition, offset } of commits) {
      const tp = { topic, partition };
      this.books.cluster.event('committed', `${this.name} ${tpName(tp)} ${offset}`);
      if (this.books.commitsOf(tp).acknowledged(this.name, offset)) continue;
      // The consumer knew its position, and committed it, before the last look.
      const reading = this.readings.get(tpName(tp));
      if (reading && reading.next === undefined) this.starts(tp, reading, offset);
      if (this.books.commitsOf(tp).acknowledged(this.name, offset)) continue;
      this.violation(
        `CommitsFollow: ${this.name} committed ${offset} of ${tpName(tp)}, where it never ` + `stood`,
      );
    }
  }

  /** Runs `order` between this poll and the next one. */
  order(order: () => Promise<void> | void): void {
    this.orders.push(order);
  }

  commitSync(): void {
    this.order(async () => {
      try {
        await this.consumer.commitSync(undefined, { timeoutMs: COMMIT_TIMEOUT_MS });
      } catch (error) {
        if (!(error instanceof KafkaError) || !FORGIVEN.includes(error.errorName)) throw error;
        if (!RETRIED.includes(error.errorName)) this.expectCalm(`cannot commit (${error.message})`);
      }
    });
  }

  commitAsync(): void {
    this.order(() => this.consumer.commitAsync());
  }

  rejoin(): void {
    this.order(async () => {
      this.consumer.enforceRebalance();
      await this.poll();
    });
  }

  /** Fetches the group's committed offsets and checks them. */
  readBack(): void {
    this.order(async () => {
      const { books, consumer } = this;
      const before = books.coordinator;
      const floors = books.partitions.map((tp) => ({ tp, floor: books.commitsOf(tp).last }));
      let found;
      try {
        found = await consumer.committed(books.partitions, { timeoutMs: COMMIT_TIMEOUT_MS });
      } catch (error) {
        if (error instanceof KafkaError && error.retriable) return;
        throw error;
      }
      // A former coordinator that was not notified returns older offsets, as in Kafka.
      if (before === undefined || books.coordinator !== before) return;
      for (const { tp, floor } of floors) {
        const offset = found.get(tpName(tp))?.offset ?? -1;
        if (books.commitsOf(tp).candidates(floor, [-1, 0]).has(offset)) continue;
        this.violation(
          `CommitsGoOn: ${this.name} is told that ${offset} of ${tpName(tp)} is committed, ` +
            `and not ${floor?.offset ?? 'nothing'}, or what was committed later`,
        );
      }
    });
  }

  /** To the beginning, the end, or the middle of the records read, in all its partitions. */
  seek(to: 'begin' | 'end' | 'middle'): void {
    this.order(() => {
      for (const tp of this.consumer.assignment()) {
        const reading = this.readings.get(tpName(tp));
        if (!reading) continue;
        this.seekOne(tp, reading, to);
      }
    });
  }

  private seekOne(tp: TopicPartition, reading: Reading, to: 'begin' | 'end' | 'middle'): void {
    const { consumer, books } = this;
    books.cluster.event('seek', `${this.name} ${tpName(tp)} ${to}`);
    const before = { ...reading };
    const fresh: Reading = { ...before, next: undefined, sought: undefined };
    this.readings.set(tpName(tp), fresh);
    switch (to) {
      case 'end':
        consumer.seekToEnd([tp]);
        fresh.sought = { from: books.committedEndOf(tp) };
        break;
      case 'begin':
        consumer.seekToBeginning([tp]);
        fresh.sought = { from: 0, to: 0 };
        break;
      case 'middle': {
        const offset = Math.floor((before.next ?? 0) / 2);
        consumer.seek(tp, offset);
        this.stands(tp, fresh, offset);
      }
    }
  }

  close(): void {
    this.order(async () => {
      this.isClosing = true;
      await this.consumer.close(COMMIT_TIMEOUT_MS * 2);
      this.isClosed = true;
      this.readings.clear();
    });
  }
}
