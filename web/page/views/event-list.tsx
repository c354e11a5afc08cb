/** What happened, one plain sentence each, newest below; times count from the last fault. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Line } from '../model/chronicle';
import { moment, since } from '../model/words';
import { useStore } from './store-context';

const SHOWN = 250;
const SIGNS: Readonly<Record<Line['tone'], string>> = {
  fault: '✕',
  control: '◆',
  good: '●',
  broken: '!',
  client: '■',
  plain: '·',
};

function Told({ line, isChosen }: { line: Line; isChosen: boolean }) {
  const store = useStore();
  const { seq, atMs, tone, text, times, sinceMs } = line;
  return (
    <li class={`${tone} ${isChosen ? 'chosen' : ''}`}>
      <button type="button" title={moment(atMs)} onClick={() => store.select({ kind: 'line', seq })}>
        <time>{sinceMs === null ? moment(atMs) : since(atMs - sinceMs)}</time>
        <span class="sign" aria-hidden="true">
          {SIGNS[tone]}
        </span>
        <span class="text">
          {text}
          {times > 1 && <em> ×{times}</em>}
        </span>
      </button>
    </li>
  );
}

export function EventList() {
  const store = useStore();
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  const { lines } = store.chronicle.value;
  const chosen = store.selection.value;
  useLayoutEffect(() => {
    if (isAtEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  const scrolled = ({
    currentTarget: { scrollTop, clientHeight, scrollHeight },
  }: Event & { currentTarget: Element }) => {
    isAtEnd.current = scrollTop + clientHeight > scrollHeight - 12;
  };
  return (
    <section class="events panel" aria-label="what happened">
      <h2>What happened</h2>
      <ol ref={list} onScroll={scrolled} aria-live="polite">
        {lines.slice(-SHOWN).map((line) => (
          <Told key={line.seq} line={line} isChosen={chosen?.kind === 'line' && chosen.seq === line.seq} />
        ))}
      </ol>
    </section>
  );
}
