/** A message, decoded by its schema: names, types, values; the bytes below. */
import { DetailField } from '../../shared/worker-protocol';
import { bytes, hostName } from '../model/words';
import { useStore } from './store-context';

function Field({ field }: { field: DetailField }) {
  const { name, type, doc, value, fields } = field;
  return (
    <li title={doc}>
      <span class="name">{name}</span> <span class="dim">{type}</span>
      {value !== null && (
        <>
          {' '}
          <b>{value}</b>
        </>
      )}
      {fields.length > 0 && (
        <ul>
          {fields.map((one, i) => (
            <Field key={i} field={one} />
          ))}
        </ul>
      )}
    </li>
  );
}

export function MessageFields() {
  const details = useStore().details.value;
  if (details === 'waiting' || details === null) return <p class="dim">Asking the worker for its fields …</p>;
  if (details === 'unknown') return <p>The message is no longer kept.</p>;
  return (
    <>
      <p>
        <b>{details.title}</b>, {hostName(details.from)} → {hostName(details.to)}, {bytes(details.bytes)}
      </p>
      <p class="dim">{details.doc}</p>
      <ul class="fields">
        {details.fields.map((one, i) => (
          <Field key={i} field={one} />
        ))}
      </ul>
      <pre class="hex">{details.hex.replace(/(..)/g, '$1 ').replace(/(.{48})/g, '$1\n')}</pre>
    </>
  );
}
