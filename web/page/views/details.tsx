/** What was clicked, with its fields, what it is in one sentence, and what can be done to it. */
import { ComponentChildren } from 'preact';
import { brokerHost } from '../../shared/run';
import { State } from '../../shared/state';
import { partitionState } from '../model/broker-view';
import { isCutFrom } from '../model/faults';
import { Selection } from '../model/selection';
import { bytes, hostName, moment, seconds } from '../model/words';
import { FaultButtons } from './fault-buttons';
import { LineDetails } from './line-details';
import { MessageFields } from './message-fields';
import { useStore } from './store-context';
import { Term } from './term';

type Fact = readonly [name: string, value: ComponentChildren];

function Facts({ facts }: { facts: readonly (Fact | null)[] }) {
  return (
    <dl class="facts">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function BrokerDetails({ id, state }: { id: number; state: State }) {
  const broker = state.brokers[id];
  const disk = state.disks[id];
  if (!broker) return <p>There is no broker {id}.</p>;
  const session = Object.values(state.sessions).find(({ host }) => host === broker.host);
  return (
    <>
      <Facts
        facts={[
          ['status', broker.status],
          [broker.isController ? 'controller, epoch' : 'controller epoch', broker.controllerEpoch],
          ['broker epoch', broker.brokerEpoch < 0 ? 'not registered' : broker.brokerEpoch],
          [
            'session',
            session
              ? session.state === 'silent' && session.expiresMs !== null
                ? `silent, ends in ${seconds(Math.max(0, session.expiresMs - state.nowMs))}`
                : `heard, timeout ${seconds(session.timeoutMs)}`
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
      <FaultButtons broker={id} />
    </>
  );
}

function ReplicaDetails({ chosen, state }: { chosen: Selection & { kind: 'replica' }; state: State }) {
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
          [
            (<Term id="isr">ISR</Term>) as unknown as string,
            known ? `${known.isr.join(' ')} (in ZooKeeper)` : 'no state',
          ],
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
      <p class="term-line">
        <Term id="high-watermark" isWhole />
      </p>
    </>
  );
}

function ZnodeDetails({ path, state }: { path: string; state: State }) {
  const znode = state.znodes[path];
  if (!znode) return <p>{path} is gone.</p>;
  const owner = znode.owner === null ? null : state.sessions[znode.owner];
  let data = znode.data ?? '';
  try {
    data = JSON.stringify(JSON.parse(data), undefined, 1).replace(/\n\s*(?=[\d\]])/g, ' ');
  } catch {
    /* not JSON */
  }
  return (
    <>
      <Facts
        facts={[
          ['last change', `${znode.change} at ${moment(znode.seenMs)}`],
          ['version', znode.version],
          [
            'kind',
            znode.owner === null
              ? 'persistent'
              : `ephemeral, session ${znode.owner}${owner ? ` of ${hostName(owner.host)}` : ''}`,
          ],
        ]}
      />
      {data && <pre>{data}</pre>}
    </>
  );
}

function LinkDetails({ from, to, state }: { from: string; to: string; state: State }) {
  const store = useStore();
  const isCut = isCutFrom(state, from, to);
  const act = (what: 'cut-link' | 'heal-link', a: string, b: string, isOneWay: boolean) =>
    store.act({ what, from: a, to: b, isOneWay });
  return (
    <>
      <p>{isCut ? 'Cut: what is sent waits, and is lost if the connection breaks.' : 'Whole.'}</p>
      <div class="buttons">
        {isCut && (
          <button type="button" onClick={() => act('heal-link', from, to, false)}>
            ∞ Mend
          </button>
        )}
        {!isCut && (
          <button type="button" onClick={() => act('cut-link', from, to, false)}>
            ✂ Cut both ways
          </button>
        )}
        {!isCut && (
          <button type="button" onClick={() => act('cut-link', from, to, true)}>
            ✂ {hostName(from)} → {hostName(to)}
          </button>
        )}
        {!isCut && (
          <button type="button" onClick={() => act('cut-link', to, from, true)}>
            ✂ {hostName(to)} → {hostName(from)}
          </button>
        )}
      </div>
    </>
  );
}

function ClientDetails({ kind, name, state }: { kind: 'producer' | 'consumer'; name: string; state: State }) {
  const store = useStore();
  const one = kind === 'producer' ? state.producers[name] : state.consumers[name];
  if (!one)
    return (
      <p>
        There is no {kind} {name}.
      </p>
    );
  const facts = Object.entries(one)
    .filter(([field]) => !['seenMs', kind].includes(field))
    .map(
      ([field, value]) =>
        [field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), String(value)] as const,
    );
  return (
    <>
      <Facts facts={facts} />
      {'producer' in one && (
        <div class="buttons">
          <button
            type="button"
            onClick={() =>
              store.act({
                what: 'produce',
                producer: name,
                partition: null,
                key: null,
                value: null,
                count: 10,
              })
            }
          >
            Send 10 records
          </button>
          <button type="button" onClick={() => store.act({ what: 'stop-producer', producer: name })}>
            Stop
          </button>
        </div>
      )}
    </>
  );
}

function heard(expiresMs: number | null, nowMs: number): string {
  return expiresMs === null ? 'heard' : `silent, ends in ${seconds(Math.max(0, expiresMs - nowMs))}`;
}

function ZooKeeperDetails({ state }: { state: State }) {
  const store = useStore();
  return (
    <>
      <Facts
        facts={Object.values(state.sessions).map(
          ({ session, host, expiresMs }) =>
            [hostName(host), `${session}, ${heard(expiresMs, state.nowMs)}`] as const,
        )}
      />
      <div class="buttons">
        <button type="button" onClick={() => store.act({ what: 'zookeeper-down' })}>
          ↓ Take down
        </button>
        <button type="button" onClick={() => store.act({ what: 'zookeeper-up' })}>
          ↑ Bring up
        </button>
        <button type="button" onClick={() => store.act({ what: 'heal-all' })}>
          ∞ Mend all links
        </button>
      </div>
    </>
  );
}

function titleOf(chosen: Selection): string {
  switch (chosen.kind) {
    case 'broker':
      return `Broker ${chosen.broker}`;
    case 'replica':
      return `${chosen.topic}-${chosen.partition} on ${brokerHost(chosen.broker).replace('-', ' ')}`;
    case 'znode':
      return chosen.path;
    case 'message':
      return `Message ${chosen.id}`;
    case 'link':
      return `Link ${hostName(chosen.from)} – ${hostName(chosen.to)}`;
    case 'zookeeper':
      return 'ZooKeeper';
    case 'line':
      return 'What happened';
    default:
      return `${chosen.kind} ${chosen.name}`;
  }
}

function Body({ chosen, state }: { chosen: Selection; state: State }) {
  switch (chosen.kind) {
    case 'broker':
      return <BrokerDetails id={chosen.broker} state={state} />;
    case 'replica':
      return <ReplicaDetails chosen={chosen} state={state} />;
    case 'znode':
      return <ZnodeDetails path={chosen.path} state={state} />;
    case 'message':
      return <MessageFields />;
    case 'link':
      return <LinkDetails from={chosen.from} to={chosen.to} state={state} />;
    case 'zookeeper':
      return <ZooKeeperDetails state={state} />;
    case 'line':
      return <LineDetails seq={chosen.seq} />;
    default:
      return <ClientDetails kind={chosen.kind} name={chosen.name} state={state} />;
  }
}

export function DetailsPanel() {
  const store = useStore();
  const chosen = store.selection.value;
  if (!chosen) return null;
  return (
    <section class="details panel" aria-label="details" data-details={chosen.kind}>
      <h2>
        {titleOf(chosen)}
        <button type="button" class="small" title="close (Esc)" onClick={() => store.select(null)}>
          ✕
        </button>
      </h2>
      <div class="body">
        <Body chosen={chosen} state={store.state.value} />
      </div>
    </section>
  );
}
