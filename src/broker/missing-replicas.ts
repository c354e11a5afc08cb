/**
 * Detects replicas that the controller assigned to this broker but that do not exist here: deleted by
 * mistake, or never created. Otherwise such a broker would be the leader of a partition without having it,
 * and no other would take over.
 *
 * A replica that is missing in two consecutive checks counts as vanished. The controller is notified with
 * KIP-112's notification for failed log dirs, and sends LeaderAndIsr for every replica of this broker. While
 * the vanished replica leads or is in the ISR, the response for it is KAFKA_STORAGE_ERROR: the controller
 * moves the leader to a replica that has the records and removes this one from the ISR. Then the notification
 * is sent again, and the replica is created empty, as a follower.
 *
 * Invariant: an empty replica is never created while it may be elected. (docs/decisions/0017)
 *
 * Kafka@2.8.2 has no counterpart: the next LeaderAndIsr creates the replica, empty, in the role that it
 * names.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Host, Log } from '../common/host';
import { MetadataCache, PartitionMetadata } from './metadata-cache';

const LOOKS_BETWEEN_NOTES = 60;

export interface MissingReplicasDeps {
  readonly host: Host;
  readonly log: Log;
  readonly brokerId: number;
  readonly metadata: MetadataCache;
  /** The replica exists, or its absence is explained: its disk failed, or its log is damaged. */
  readonly isAccountedFor: (tp: TopicPartition) => boolean;
  /** Has the controller send LeaderAndIsr for all replicas of this broker. */
  readonly tellController: () => void;
}

interface Role {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The partition is new, so the controller does not expect a log. */
  readonly isNew?: boolean;
}

export class MissingReplicas {
  /** Replicas that were missing in the last check. */
  private before = new Set<string>();
  private readonly vanished = new Set<string>();
  /** The content of the last notification, and the number of checks since. */
  private told = '';
  private looksSince = 0;

  constructor(private readonly deps: MissingReplicasDeps) {}

  get count(): number {
    return this.vanished.size;
  }

  /** One check; called at intervals. */
  look(): void {
    const missing = this.missing();
    const names = new Set(missing.map(tpName));
    for (const name of this.vanished) if (!names.has(name)) this.vanished.delete(name);
    const late = missing.filter((tp) => this.before.has(tpName(tp)));
    for (const tp of late) this.note(tp);
    this.before = names;
    this.tell(late);
  }

  /**
   * Notifies at once if something changed, otherwise every `LOOKS_BETWEEN_NOTES` checks: the last member of
   * an ISR may stay missing for long.
   */
  private tell(late: readonly PartitionMetadata[]): void {
    const now = late.map((one) => `${tpName(one)} ${this.mustNotBeMade(one, one)}`).join();
    this.looksSince++;
    if (now === '' || (now === this.told && this.looksSince < LOOKS_BETWEEN_NOTES)) return;
    this.told = now;
    this.looksSince = 0;
    this.deps.tellController();
  }

  private missing(): PartitionMetadata[] {
    const { metadata, brokerId, isAccountedFor } = this.deps;
    const missing: PartitionMetadata[] = [];
    for (const one of metadata.states()) {
      if (!one.replicas.includes(brokerId) || isAccountedFor(one)) continue;
      // The disk of this replica failed, and the controller knows it.
      const isKnown = one.offlineReplicas.includes(brokerId) && !this.vanished.has(tpName(one));
      if (!isKnown) missing.push(one);
    }
    return missing;
  }

  private note(tp: TopicPartition): void {
    const { host, log, brokerId: broker } = this.deps;
    if (this.vanished.has(tpName(tp))) return;
    this.vanished.add(tpName(tp));
    const what = `The replica of ${tpName(tp)} that the controller assigned to this broker`;
    log.error(`${what} is not here; telling the controller`);
    host.event({ what: 'replica-missing', broker, topic: tp.topic, partition: tp.partition });
  }

  /** Whether an empty log in this role could be taken for one that has the committed records. */
  mustNotBeMade(tp: TopicPartition, { leader, isr, isNew }: Role): boolean {
    return !isNew && this.vanished.has(tpName(tp)) && [leader, ...isr].includes(this.deps.brokerId);
  }

  made(tp: TopicPartition): void {
    this.vanished.delete(tpName(tp));
    this.before.delete(tpName(tp));
  }
}
