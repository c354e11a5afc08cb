/** A producer with its batches and their sequence numbers; a consumer with its group and its lag. */
import { BatchSight } from '../../shared/events';
import { State } from '../../shared/state';
import { LagRow, lagOfConsumer, lagOfGroup } from '../model/lag';
import { Facts, Table } from './facts';
import { useStore } from './store-context';
import { Term } from './term';

function batchRows(batches: readonly BatchSight[], where: string) {
  return batches.map(({ partition, records, sequence, attempts }) => [
    where,
    partition,
    records,
    sequence < 0 ? '–' : records > 1 ? `${sequence} to ${sequence + records - 1}` : sequence,
    attempts,
  ]);
}

export function ProducerDetails({ name, state }: { name: string; state: State }) {
  const store = useStore();
  const one = state.producers[name];
  if (!one) return <p>There is no producer {name}.</p>;
  const { acks, isIdempotent, everyMs, topic, status } = one;
  const rows = [...batchRows(one.inFlight, 'in flight'), ...batchRows(one.accumulated, 'accumulated')];
  const produce = { what: 'produce', producer: name, partition: null, key: null, value: null } as const;
  return (
    <>
      <div class="buttons">
        <button type="button" onClick={() => store.act({ ...produce, count: 10 })}>
          Send 10 records
        </button>
        <button type="button" onClick={() => store.openForm('records')}>
          Send …
        </button>
        <button type="button" onClick={() => store.act({ what: 'stop-producer', producer: name })}>
          Stop
        </button>
      </div>
      <Facts
        facts={[
          ['status', `${status}, writes to ${topic}${everyMs > 0 ? ` every ${everyMs} ms` : ''}`],
          ['acks', acks],
          [
            'idempotence',
            isIdempotent
              ? one.producerId < 0
                ? 'on, no producer id yet'
                : `producer id ${one.producerId}, epoch ${one.producerEpoch}`
              : 'off',
            <Term id="idempotence">idempotence</Term>,
          ],
          ['sent, acked', `${one.sent}, ${one.acked}`],
          ['retries', one.retries],
          ['failed', `${one.failed}, and ${one.unknown} nobody knows of`],
        ]}
      />
      {rows.length > 0 ? (
        <Table heads={['batch', 'partition', 'records', 'sequence', 'attempt']} rows={rows} />
      ) : (
        <p class="dim">No batch waits or is in flight.</p>
      )}
    </>
  );
}

const shown = (offset: number | null) => (offset === null ? '–' : offset);

function LagTable({ rows }: { rows: readonly LagRow[] }) {
  if (rows.length === 0) return null;
  return (
    <Table
      heads={['partition', 'read by', 'position', 'committed', 'end', 'lag']}
      rows={rows.map(({ topic, partition, consumer, position, committed, end, lag }) => [
        `${topic}-${partition}`,
        consumer ?? 'nobody',
        shown(position),
        shown(committed),
        end,
        lag,
      ])}
    />
  );
}

export function ConsumerDetails({ name, state }: { name: string; state: State }) {
  const store = useStore();
  const one = state.consumers[name];
  if (!one) return <p>There is no consumer {name}.</p>;
  const group = one.group === null ? undefined : state.groups[one.group];
  const rows = one.group === null ? lagOfConsumer(state, name) : lagOfGroup(state, one.group);
  return (
    <>
      <div class="buttons">
        <button type="button" onClick={() => store.act({ what: 'stop-consumer', consumer: name })}>
          Stop
        </button>
        <button type="button" onClick={() => store.act({ what: 'kill-consumer', consumer: name })}>
          Kill -9
        </button>
      </div>
      <Facts
        facts={[
          ['status', `${one.status}, reads ${one.topic} [${one.assigned.join(' ')}]`],
          ['group', one.group ?? 'none: it has all partitions'],
          group
            ? ['coordinator', `broker ${group.coordinator}`, <Term id="group-coordinator">coordinator</Term>]
            : null,
          group
            ? ['generation', `${group.generation}, ${group.state}`, <Term id="generation">generation</Term>]
            : null,
          group
            ? [
                'members',
                group.members
                  .map(({ client, isLeader }) => (isLeader ? `${client} (leader)` : client))
                  .join(', '),
              ]
            : null,
          ['read', one.read],
        ]}
      />
      <LagTable rows={rows} />
    </>
  );
}
