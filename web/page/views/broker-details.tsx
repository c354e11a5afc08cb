/** A broker, with what can be done to it and what it did last; and one of its replicas. */
import { State } from '../../shared/state';
import { Line } from '../model/chronicle';
import { partitionState } from '../model/broker-view';
import { ORIGINS } from '../model/origins';
import { Selection } from '../model/selection';
import { bytes, moment, seconds } from '../model/words';
import { Facts } from './facts';
import { FaultButtons } from './fault-buttons';
import { useStore } from './store-context';
import { Term } from './term';

const LINES = 8;

export function heard(expiresMs: number | null, nowMs: number): string {
  return expiresMs === null ? 'heard' : `silent, ends in ${seconds(Math.max(0, expiresMs - nowMs))}`;
}

/** `src/broker/partition.ts#makeLeader` as the file alone. */
const fileOf = ({ what }: Line): string => ORIGINS[what]?.source.split('#')[0] ?? '';

/** Its own lines, each with the file of the source that told it. */
function OwnLines({ host }: { host: string }) {
  const store = useStore();
  const own = store.chronicle.value.lines.filter(({ lane }) => lane === host).slice(-LINES);
  if (own.length === 0) return null;
  return (
    <>
      <h3>its last events</h3>
      <ol class="own-lines">
        {own.map((line) => (
          <li key={line.seq}>
            <button type="button" onClick={() => store.select({ kind: 'line', seq: line.seq })}>
              <time>{moment(line.atMs)}</time> {line.text}
              <code>{fileOf(line)}</code>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}

export function BrokerDetails({ id, state }: { id: number; state: State }) {
  const broker = state.brokers[id];
  const disk = state.disks[id];
  if (!broker) return <p>There is no broker {id}.</p>;
  const session = Object.values(state.sessions).find(({ host }) => host === broker.host);
  return (
    <>
      <FaultButtons broker={id} />
      <Facts
        facts={[
          ['status', broker.status],
          [broker.isController ? 'controller, epoch' : 'controller epoch', broker.controllerEpoch],
          ['broker epoch', broker.brokerEpoch < 0 ? 'not registered' : broker.brokerEpoch],
          [
            'session',
            session
              ? `${heard(session.expiresMs, state.nowMs)}, timeout ${seconds(session.timeoutMs)}`
              : 'none',
          ],
          disk
            ? [
                'disk',
                [`${bytes(disk.syncedBytes)} synced`, `${bytes(disk.unsyncedBytes)} not yet`, disk.failure]
                  .filter(Boolean)
                  .join(', '),
              ]
            : null,
          broker.problem === null ? null : ['problem', broker.problem],
        ]}
      />
      <OwnLines host={broker.host} />
    </>
  );
}

export function ReplicaDetails({ chosen, state }: { chosen: Selection & { kind: 'replica' }; state: State }) {
  const store = useStore();
  const { broker, topic, partition } = chosen;
  const replica = state.replicas[`${broker}/${topic}-${partition}`];
  if (!replica) return <p>This replica is gone.</p>;
  const known = partitionState(state, topic, partition);
  return (
    <>
      <Facts
        facts={[
          ['role', replica.role],
          ['leader epoch', replica.leaderEpoch],
          ['ISR', known ? `${known.isr.join(' ')} (in ZooKeeper)` : 'no state', <Term id="isr">ISR</Term>],
          ['log start', replica.logStart],
          ['high watermark', replica.highWatermark],
          ['log end', replica.logEnd],
          ['on the disk up to', replica.syncedTo],
          [
            'leader epochs',
            replica.epochs.map(([epoch, start]) => `${epoch} from ${start}`).join(', ') || 'none',
          ],
          ['segments', replica.segments.join(', ')],
        ]}
      />
      <div class="buttons">
        <button
          type="button"
          title="the first replica of the partition becomes its leader again"
          onClick={() => store.act({ what: 'preferred-election', topic, partition })}
        >
          ⚑ Preferred election
        </button>
      </div>
      <p class="term-line">
        <Term id="high-watermark" isWhole />
      </p>
    </>
  );
}
