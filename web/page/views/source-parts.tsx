/**
 * What the page shows of its source where that is a tape: which cluster or file it is of, how it stands with
 * the server, the way back to the present; and how a timeline is opened.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { replayOfFile } from '../tape-sources';
import { Store } from '../store';
import { useStore } from './store-context';

/** Without what the address asks for, it is the virtual cluster's page. */
function goToVirtual(): void {
  history.replaceState(null, '', location.pathname);
  location.reload();
}

/** In the head of the page, in place of lesson and run. */
export function SourceTitle() {
  const { kind, title, connection } = useStore().source.value;
  const isLive = kind === 'real';
  const sign = { opening: '○', open: '●', lost: '✕', closed: '■' }[connection];
  return (
    <>
      <span class={`source-kind ${connection}`} data-source={kind} data-connection={connection}>
        {isLive ? `${sign} real` : '▷ replay'}
      </span>
      <span class="title" title={title}>
        {title}
      </span>
      <button type="button" title="the cluster in this tab, in virtual time" onClick={goToVirtual}>
        virtual cluster
      </button>
    </>
  );
}

async function openFile(store: Store, file: File | undefined): Promise<void> {
  if (!file) return;
  try {
    store.use(await replayOfFile(file));
  } catch (error) {
    store.failure.value = error instanceof Error ? error.message : String(error);
  }
}

export function OpenTimeline() {
  const store = useStore();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        title="a timeline.ndjson of ./scripts/demo, from .samsa/runs; or drop it on the page"
        onClick={() => input.current?.click()}
      >
        open run
      </button>
      <input
        ref={input}
        type="file"
        accept=".ndjson,.json,.txt,application/x-ndjson"
        hidden
        data-timeline-file
        onChange={(event) => {
          const { currentTarget } = event;
          openFile(store, currentTarget.files?.[0]).catch(() => {});
          // The same file may be chosen again.
          currentTarget.value = '';
        }}
      />
    </>
  );
}

/** A file that is dropped anywhere is opened. */
export function DropZone() {
  const store = useStore();
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const hasFile = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false;
    const over = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = ({ relatedTarget }: DragEvent) => {
      if (relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(false);
      openFile(store, event.dataTransfer?.files[0]).catch(() => {});
    };
    window.addEventListener('dragover', over);
    window.addEventListener('dragleave', leave);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', over);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('drop', drop);
    };
  }, []);
  return isOver ? <div class="drop-zone">Drop the timeline of a run here</div> : null;
}

/** How it stands with the source, where there is something to say. */
export function Connection() {
  const store = useStore();
  const { kind, connection, why } = store.source.value;
  const [closed, setClosed] = useState<string | null>(null);
  if (why === null || why === closed) return null;
  return (
    <div class={`connection ${connection}`} role="status" data-connection-note>
      {why}
      {connection === 'lost' && (
        <button type="button" class="small" onClick={() => store.retry()}>
          ask now
        </button>
      )}
      {(kind === 'replay' || connection === 'closed') && (
        <button type="button" class="small" onClick={() => setClosed(why)}>
          close
        </button>
      )}
    </div>
  );
}

/** Back to the present of a real cluster. */
export function LiveButton() {
  const store = useStore();
  const { kind, isAtTheEdge } = store.source.value;
  if (kind !== 'real') return null;
  const isLive = isAtTheEdge && store.time.value.isPlaying;
  return (
    <button
      type="button"
      class={`live ${isLive ? 'on' : ''}`}
      aria-pressed={isLive}
      title="what happens now (key End)"
      onClick={() => store.goLive()}
    >
      {isLive ? '● live' : '○ go live'}
    </button>
  );
}

/** On a cluster that was joined nobody of the lab's writes or reads until it is asked for. */
export function StartPrograms() {
  const store = useStore();
  const { source, parts } = store;
  const isWanted =
    source.value.kind === 'real' &&
    source.value.cannot['start-producer'] === undefined &&
    parts.isReady.value &&
    Object.keys(parts.producers.value).length === 0;
  const ids = Object.values(parts.brokers.value).flatMap(({ broker, status }) =>
    status === 'up' ? [broker] : [],
  );
  if (!isWanted || ids.length === 0) return null;
  const start = () => {
    const topic = 'lab';
    const has = `/brokers/topics/${topic}` in parts.znodes.value;
    const settings = { 'min.insync.replicas': String(Math.min(2, ids.length)) };
    if (!has) store.act({ what: 'create-topic', topic, assignment: [ids.slice(0, 3)], settings });
    store.act({ what: 'start-consumer', consumer: 'c1', topic, group: 'lab', settings: {} });
    store.act({
      what: 'start-producer',
      ...{ producer: 'p1', topic, acks: 'all', isIdempotent: true, everyMs: 500, bytes: 0 },
      settings: {},
    });
  };
  return (
    <button
      type="button"
      data-start-programs
      title="makes a topic “lab” if there is none, writes a record every 500 ms, and reads them"
      onClick={start}
    >
      write and read
    </button>
  );
}
