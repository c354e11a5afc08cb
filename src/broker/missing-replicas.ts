/**
 * Notices replicas that the controller says are here and that are not: deleted by mistake, or never made.
 * Such a broker says it leads a partition that it has not, and nobody else takes it over.
 *
 * A replica that is missing at two looks in a row has vanished, and the controller is told with the note
 * that KIP-112 has for failed log dirs: it answers with a LeaderAndIsr for every replica of this broker. As
 * long as the vanished one leads or is in the ISR, that is answered with KAFKA_STORAGE_ERROR, and the
 * controller moves the leader to a replica that has the records, and takes this one out of the ISR. Then
 * the note is written again, and the replica is made anew, empty, and follows. It is never made while it
 * may be elected. (docs/decisions/0017)
 *
 * Kafka: nobody notices, and the next LeaderAndIsr makes the replica anew as what it says@2.8.2
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
  /** The replica is here, or it is known why not: its disk failed, its log is damaged. */
  readonly isAccountedFor: (tp: TopicPartition) => boolean;
  /** Has the controller send everything again. */
  readonly tellController: () => void;
}

interface Role {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The controller does not expect a log. */
  readonly isNew?: boolean;
}

export class MissingReplicas {
  /** Missing at the last look. */
  private before = new Set<string>();
  private readonly vanished = new Set<string>();
  /** What the controller was told of last, and how many looks ago. */
  private told = '';
  private looksSince = 0;

  constructor(private readonly deps: MissingReplicasDeps) {}

  get count(): number {
    return this.vanished.size;
  }

  /** Called at intervals. */
  look(): void {
    const missing = this.missing();
    const names = new Set(missing.map(tpName));
    for (const name of this.vanished) if (!names.has(name)) this.vanished.delete(name);
    const late = missing.filter((tp) => this.before.has(tpName(tp)));
    for (const tp of late) this.note(tp);
    this.before = names;
    this.tell(late);
  }

  /** At once if something is new, and from time to time otherwise: the last one may stay missing. */
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
      // The controller knows already, of a disk that failed.
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

  /** Whether an empty log in this role could be taken for one that has the records. */
  mustNotBeMade(tp: TopicPartition, { leader, isr, isNew }: Role): boolean {
    return !isNew && this.vanished.has(tpName(tp)) && [leader, ...isr].includes(this.deps.brokerId);
  }

  made(tp: TopicPartition): void {
    this.vanished.delete(tpName(tp));
    this.before.delete(tpName(tp));
  }
}
