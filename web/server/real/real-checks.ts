/**
 * The promises that can be checked from outside, while the processes run: who leads by the brokers'
 * timelines, ISR and epochs by ZooKeeper, the high watermark by the leader's word, what readers see, what was
 * acknowledged and is lost. Whether all replicas agree byte for byte, and whether the dead do nothing, only
 * the virtual cluster can say at each moment.
 */
import { leadersPerEpoch, RoleEvent } from '../../../src/checkers/check-cluster';
import { TopicPartition, tpName } from '../../../src/common/cluster-types';
import { ClientChecks } from '../../engine/lab-producer';
import { CHECKS, LabEvent, VerdictSight } from '../../shared/events';
import { EventHub } from '../event-hub';
import { Leadership } from './replica-book';

type CheckName = (typeof CHECKS)[number]['check'];

/** From the first moment; `one-leader` from when a broker has told what it leads. */
const CHECKED: readonly CheckName[] = ['leader-in-isr', 'acked-kept', 'high-watermark', 'epochs', 'readers'];

export class RealChecks implements ClientChecks {
  private readonly broken = new Set<CheckName>();
  private readonly leaders = new Map<string, RoleEvent>();
  private readonly states = new Map<string, Leadership>();
  private readonly highWatermarks = new Map<string, { epoch: number; offset: number }>();
  private readonly next = new Map<string, number>();
  private controllerEpoch = 0;
  /** An unclean election gives away acknowledged records; what follows from it breaks no promise. */
  private isExcused = false;
  /** Producers with acks=all: only what they were told is a promise. */
  private readonly promised = new Set<string>();

  constructor(private readonly hub: EventHub) {
    for (const check of CHECKED) this.isChecked(check);
  }

  private isChecked(check: CheckName): void {
    this.hub.see('lab', { what: 'check', check, isGood: true, why: null });
  }

  private found(check: CheckName, why: string): void {
    if (this.broken.has(check)) return;
    this.broken.add(check);
    this.hub.see('lab', { what: 'check', check, isGood: false, why });
  }

  /** An event of a broker's timeline. */
  hear(event: LabEvent): void {
    const { what, topic, partition, leaderEpoch, unclean } = event as Readonly<Record<string, unknown>>;
    if (what === 'leader-elected' && unclean === true) this.isExcused = true;
    if (what !== 'became-leader') return;
    if (this.leaders.size === 0) this.isChecked('one-leader');
    const key = `${String(topic)}-${String(partition)} ${String(leaderEpoch)}`;
    const before = this.leaders.get(key);
    const now = event as unknown as RoleEvent;
    for (const why of leadersPerEpoch(before ? [before, now] : [now])) this.found('one-leader', why);
    this.leaders.set(key, now);
  }

  stateIs(tp: TopicPartition, state: Leadership, replicas: readonly number[] | undefined): void {
    const name = tpName(tp);
    const { leader, leaderEpoch, isr } = state;
    const before = this.states.get(name);
    this.states.set(name, state);
    if (before && leaderEpoch < before.leaderEpoch)
      this.found('epochs', `${name}: leader epoch ${leaderEpoch} after ${before.leaderEpoch}`);
    if (leader >= 0 && !isr.includes(leader))
      this.found('leader-in-isr', `${name}: leader ${leader} is not in the ISR ${isr.join(' ')}`);
    const stranger = replicas && isr.find((id) => !replicas.includes(id));
    if (stranger !== undefined)
      this.found('leader-in-isr', `${name}: ${stranger} is in the ISR, and no replica`);
  }

  /** A topic of this name may be made again, with epochs from 0. */
  topicIsGone(topic: string): void {
    for (const map of [this.states, this.highWatermarks, this.leaders]) {
      for (const name of [...map.keys()]) if (name.startsWith(`${topic}-`)) map.delete(name);
    }
  }

  controllerEpochIs(epoch: number): void {
    if (epoch < this.controllerEpoch)
      this.found('epochs', `controller epoch ${epoch} after ${this.controllerEpoch}`);
    this.controllerEpoch = epoch;
  }

  highWatermarkIs(tp: TopicPartition, epoch: number, offset: number): void {
    const name = tpName(tp);
    const before = this.highWatermarks.get(name);
    // Answers of two leaders may cross; of one leader they are in order.
    if (before && before.epoch === epoch && offset < before.offset && !this.isExcused)
      this.found('high-watermark', `${name}: high watermark ${offset} after ${before.offset}`);
    if (!before || epoch >= before.epoch) this.highWatermarks.set(name, { epoch, offset });
  }

  producerStarts(name: string, acks: string): void {
    if (acks === 'all') this.promised.add(name);
    else this.promised.delete(name);
  }

  verdictIs({ lostOf }: VerdictSight): void {
    if (this.isExcused) return;
    for (const [producer, lost] of Object.entries(lostOf)) {
      if (lost > 0 && this.promised.has(producer))
        this.found('acked-kept', `${lost} acknowledged records of ${producer} are not in the log`);
    }
  }

  acked(): void {
    // Counted by the ledger.
  }

  readerBegins(reader: string, tp: TopicPartition): void {
    this.next.delete(`${reader} ${tpName(tp)}`);
  }

  read(reader: string, tp: TopicPartition, offset: number): void {
    const key = `${reader} ${tpName(tp)}`;
    const expected = this.next.get(key);
    this.next.set(key, offset + 1);
    if (expected === undefined || offset >= expected || this.isExcused) return;
    this.found('readers', `${key} read offset ${offset} after ${expected - 1}`);
  }
}
