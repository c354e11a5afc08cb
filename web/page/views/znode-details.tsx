/** A znode: what it holds, whose it is, who watches it; and ZooKeeper itself with its sessions. */
import { State } from '../../shared/state';
import { whoIs } from '../model/who';
import { moment, seconds } from '../model/words';
import { Facts, Table } from './facts';
import { useStore } from './store-context';

/** JSON is set out on lines, short lists in one. */
function readable(data: string): string {
  try {
    return JSON.stringify(JSON.parse(data), undefined, 1).replace(/\n\s*(?=[\d\]])/g, ' ');
  } catch {
    return data;
  }
}

export function ZnodeDetails({ path, state }: { path: string; state: State }) {
  const store = useStore();
  const znode = state.znodes[path];
  if (!znode) return <p>{path} is gone.</p>;
  const owner = znode.owner === null ? null : state.sessions[znode.owner];
  const watchers = store.watchers.value;
  const data = readable(znode.data ?? '');
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
              : `ephemeral, session ${znode.owner}${owner ? ` of ${whoIs(state, owner.host)}` : ''}`,
          ],
          // Of a real tree only ZooKeeper knows it.
          store.source.value.kind === 'virtual'
            ? [
                'watched by',
                watchers === null ? '…' : watchers.map((host) => whoIs(state, host)).join(', ') || 'nobody',
              ]
            : null,
        ]}
      />
      {data && <pre>{data}</pre>}
    </>
  );
}

export function ZooKeeperDetails({ state }: { state: State }) {
  const store = useStore();
  const rows = Object.values(state.sessions).map(({ session, host, timeoutMs, expiresMs }) => [
    whoIs(state, host),
    session.replace(/^0+/, ''),
    expiresMs === null
      ? `heard, timeout ${seconds(timeoutMs)}`
      : `silent, ${seconds(Math.max(0, expiresMs - state.nowMs))} left`,
  ]);
  return (
    <>
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
      <Table heads={['whose session', 'id', 'ends']} rows={rows} />
    </>
  );
}
