/**
 * DeleteRecords: raises the leader's log start offset, and responds when every live replica has raised its
 * own. Followers learn the new offset from their next fetch. Retention deletes the segments below it later.
 *
 * Kafka: server/ReplicaManager.scala#deleteRecords, server/DelayedDeleteRecords.scala@2.8.2
 */
import { isInternalTopic, TopicPartition, tpName } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { Clock, Log } from '../../common/host';
import { inTurns } from '../../common/in-turns';
import { RequestContext } from '../../network/server-connection';
import { deleteRecords } from '../../protocol/messages/log-admin';
import { TypeOf } from '../../protocol/schema';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';
import { rowError } from '../row-error';

type Request = TypeOf<typeof deleteRecords.request>;
type Response = TypeOf<typeof deleteRecords.response>;

export interface DeleteRecordsDeps {
  readonly replicas: Pick<ReplicaManager, 'require' | 'deleteRecordsPurgatory'>;
  readonly log: Pick<Log, 'error'>;
  readonly clock: Clock;
}

/**
 * One partition of the request. It is done when it was refused, or its low watermark has reached `wanted`.
 */
class Deletion {
  lowWatermark = -1;
  error: ErrorName = 'NONE';
  private wanted = 0;
  isDone = false;

  constructor(
    private readonly deps: DeleteRecordsDeps,
    readonly tp: TopicPartition,
    offset: number,
  ) {
    this.attempt(() => {
      if (isInternalTopic(tp.topic))
        throw new KafkaError(
          'INVALID_TOPIC_EXCEPTION',
          `Cannot delete records of internal topic ${tp.topic}`,
        );
      this.wanted = deps.replicas.require(tp).deleteRecordsOnLeader(offset);
    });
  }

  /** Checks the low watermark; returns whether the result is known. */
  check(): boolean {
    this.attempt(() => {
      const partition = this.deps.replicas.require(this.tp);
      partition.requireLeader();
      this.lowWatermark = partition.lowWatermark;
      this.isDone = this.lowWatermark >= this.wanted;
    });
    return this.isDone;
  }

  private attempt(step: () => void): void {
    if (this.isDone) return;
    try {
      step();
    } catch (error) {
      this.finish(rowError(this.deps.log, 'DeleteRecords', this.tp, error).errorName);
    }
  }

  finish(error: ErrorName): void {
    if (this.isDone) return;
    this.isDone = true;
    this.error = error;
    this.lowWatermark = -1;
  }
}

/**
 * By topic and partition. If several rows name a partition the last one counts, as in Kafka, where the rows
 * go into a map.
 */
function offsetsOf({ topics }: Request): Map<string, Map<number, number>> {
  const offsets = new Map<string, Map<number, number>>();
  for (const { name, partitions } of topics) {
    const byIndex = offsets.get(name) ?? new Map<number, number>();
    offsets.set(name, byIndex);
    for (const { partitionIndex, offset } of partitions) byIndex.set(partitionIndex, offset);
  }
  return offsets;
}

/** Waits for all partitions. When a partition changes, only that one is checked. */
class DelayedDeleteRecords implements DelayedOperation<Response> {
  private readonly waiting: Map<string, Deletion>;

  constructor(private readonly deletions: readonly Deletion[]) {
    this.waiting = new Map(deletions.map((one) => [tpName(one.tp), one]));
  }

  get tps(): TopicPartition[] {
    return [...this.waiting.values()].map(({ tp }) => tp);
  }

  tryComplete(changed?: string): Response | undefined {
    const names = changed === undefined ? [...this.waiting.keys()] : [changed];
    for (const name of names) if (this.waiting.get(name)?.check()) this.waiting.delete(name);
    return this.waiting.size === 0 ? this.response() : undefined;
  }

  onExpire(): Response {
    for (const one of this.waiting.values()) if (!one.check()) one.finish('REQUEST_TIMED_OUT');
    return this.response();
  }

  private response(): Response {
    const topics = new Map<string, Response['topics'][number]['partitions'][number][]>();
    for (const { tp, lowWatermark, error } of this.deletions) {
      const partitions = topics.get(tp.topic) ?? [];
      topics.set(tp.topic, partitions);
      partitions.push({ partitionIndex: tp.partition, lowWatermark, errorCode: errorCode(error) });
    }
    return { topics: [...topics].map(([name, partitions]) => ({ name, partitions })) };
  }
}

export async function handleDeleteRecords(
  deps: DeleteRecordsDeps,
  request: Request,
  { asker }: Pick<RequestContext, 'asker'>,
): Promise<Response> {
  const rows = [...offsetsOf(request)].flatMap(([topic, offsets]) => {
    return [...offsets].map(([partition, offset]) => ({ tp: { topic, partition }, offset }));
  });
  const turns = { clock: deps.clock, next: () => asker.nextTurn() };
  const deletions = await inTurns(turns, rows, ({ tp, offset }) => new Deletion(deps, tp, offset));
  const operation = new DelayedDeleteRecords(deletions);
  return (
    operation.tryComplete() ??
    deps.replicas.deleteRecordsPurgatory.watch(operation, operation.tps, request.timeoutMs, asker)
  );
}
