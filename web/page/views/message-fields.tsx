/** A message: what can be done to it on its way, and its fields by their schema; the bytes below. */
import { DetailField } from '../../shared/worker-protocol';
import { whoIs } from '../model/who';
import { bytes } from '../model/words';
import { useStore } from './store-context';

const DELAYS_MS = [20, 1000];
/** More levels of a message are closed at first. */
const OPEN_LEVELS = 9;

const spaced = (hex: string) => hex.replace(/(..)/g, '$1 ').trim();

function Field({ field, level }: { field: DetailField; level: number }) {
  const { name, type, doc, value, bytes: own, fields } = field;
  const head = (
    <>
      <span class="name">{name}</span> <span class="dim">{type}</span>
      {value !== null && (
        <>
          {' '}
          <b>{value}</b>
        </>
      )}
      {own !== undefined && <code class="own-bytes">{spaced(own)}</code>}
    </>
  );
  if (fields.length === 0) return <li title={doc}>{head}</li>;
  return (
    <li title={doc}>
      <details open={level < OPEN_LEVELS}>
        <summary>{head}</summary>
        <ul>
          {fields.map((one, i) => (
            <Field key={i} field={one} level={level + 1} />
          ))}
        </ul>
      </details>
    </li>
  );
}

/** On its way it can still be stopped. */
function Stops({ id }: { id: number }) {
  const store = useStore();
  const message = store.parts.messages.value[id];
  if (!message) return null;
  const isWaiting = message.arrivesMs === null;
  if (!isWaiting && message.arrivesMs! <= store.time.value.nowMs) return null;
  const isZooKeepers = message.kind === 'zookeeper';
  return (
    <div class="buttons" data-stops>
      <button
        type="button"
        title="It never arrives. TCP loses a message with its connection only, so that breaks. Key K."
        onClick={() => store.act({ what: 'drop-message', message: id })}
      >
        ✕ Drop
      </button>
      {!isWaiting &&
        DELAYS_MS.map((delayMs) => (
          <button
            key={delayMs}
            type="button"
            title="It arrives later, and so does everything behind it on its connection."
            onClick={() => store.act({ what: 'delay-message', message: id, delayMs })}
          >
            ◷ {delayMs < 1000 ? `${delayMs} ms` : `${delayMs / 1000} s`} later
          </button>
        ))}
      {!isWaiting && !isZooKeepers && (
        <button
          type="button"
          title="It arrives twice."
          onClick={() => store.act({ what: 'duplicate-message', message: id })}
        >
          ×2 Duplicate
        </button>
      )}
    </div>
  );
}

export function MessageDetails({ id }: { id: number }) {
  const store = useStore();
  const details = store.details.value;
  if (details === 'waiting' || details === null) return <p class="dim">Asking the worker for its fields …</p>;
  if (details === 'unknown') return <p>The message is no longer kept.</p>;
  const state = store.state.value;
  return (
    <>
      <p>
        <b>{details.title}</b>, {whoIs(state, details.from)} → {whoIs(state, details.to)}
        {details.bytes > 0 && <>, {bytes(details.bytes)}</>}
      </p>
      <Stops id={id} />
      <p class="dim">{details.doc}</p>
      <ul class="fields">
        {details.fields.map((one, i) => (
          <Field key={i} field={one} level={0} />
        ))}
      </ul>
      {details.hex !== '' && (
        <pre class="hex">{details.hex.replace(/(..)/g, '$1 ').replace(/(.{48})/g, '$1\n')}</pre>
      )}
    </>
  );
}
