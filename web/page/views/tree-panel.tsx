/** ZooKeeper's tree: changes marked, ephemeral znodes with the host whose session holds them, versions. */
import { useState } from 'preact/hooks';
import { TreeRow, treeRows } from '../model/tree-rows';
import { hostName } from '../model/words';
import { useStore } from './store-context';

const MARKS = { created: '+', changed: '◂', deleted: '–' };

function Row({ row, isChosen }: { row: TreeRow; isChosen: boolean }) {
  const store = useStore();
  const { path, depth, label, summary, version, ownerHost, mark } = row;
  const owner = ownerHost === null ? '' : `ephemeral, held by the session of ${hostName(ownerHost)}`;
  return (
    <li
      class={`znode ${mark ?? ''} ${isChosen ? 'chosen' : ''}`}
      style={{ paddingLeft: `${0.45 + depth * 0.75}rem` }}
    >
      <button
        type="button"
        title={[path, `version ${version}`, owner].filter(Boolean).join(' · ')}
        data-znode={path}
        onClick={() => store.select({ kind: 'znode', path })}
      >
        <span class="label">{label}</span>
        {ownerHost !== null && (
          <span class="ephemeral" aria-label={owner}>
            ⚡
          </span>
        )}
        {version > 0 && <span class="version">v{version}</span>}
        {mark && (
          <span class="mark" aria-label={mark}>
            {MARKS[mark]}
          </span>
        )}
        {summary && <span class="summary">{summary}</span>}
      </button>
    </li>
  );
}

export function TreePanel() {
  const store = useStore();
  const [showsAll, setShowsAll] = useState(false);
  const rows = treeRows(
    { znodes: store.parts.znodes.value, sessions: store.parts.sessions.value, nowMs: store.tickMs.value },
    showsAll,
  );
  const chosen = store.selection.value;
  return (
    <aside class="tree panel">
      <h2>
        ZooKeeper{' '}
        <button
          type="button"
          class="small"
          aria-pressed={showsAll}
          onClick={() => setShowsAll(!showsAll)}
          title="also what is seldom looked at"
        >
          {showsAll ? 'less' : 'all'}
        </button>
      </h2>
      <ul>
        {rows.map((row) => (
          <Row key={row.path} row={row} isChosen={chosen?.kind === 'znode' && chosen.path === row.path} />
        ))}
      </ul>
    </aside>
  );
}
