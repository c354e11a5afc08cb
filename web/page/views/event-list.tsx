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

/** Keeps the newest line in view, until the user scrolls up to read. */
function useFollowing(lines: readonly Line[]) {
  const list = useRef<HTMLOListElement>(null);
  const isFollowing = useRef(true);
  const lastTop = useRef(0);
  const follow = () => {
    if (isFollowing.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  };
  useLayoutEffect(follow, [lines]);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(follow);
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, []);
  const onScroll = () => {
    const { scrollTop, clientHeight, scrollHeight } = list.current!;
    if (scrollTop < lastTop.current - 2) isFollowing.current = false;
    if (scrollTop + clientHeight > scrollHeight - 12) isFollowing.current = true;
    lastTop.current = scrollTop;
  };
  return { list, onScroll };
}

export function EventList() {
  const store = useStore();
  const { lines } = store.chronicle.value;
  const { list, onScroll } = useFollowing(lines);
  const chosen = store.selection.value;
  return (
    <section class="events panel" aria-label="what happened">
      <h2>What happened</h2>
      <ol ref={list} onScroll={onScroll} aria-live="polite">
        {lines.slice(-SHOWN).map((line) => (
          <Told key={line.seq} line={line} isChosen={chosen?.kind === 'line' && chosen.seq === line.seq} />
        ))}
      </ol>
    </section>
  );
}
