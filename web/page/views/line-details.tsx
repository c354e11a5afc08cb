/** An event with its fields, and the place in the source that told it. */
import texts from 'lab:texts';
import { ORIGINS } from '../model/origins';
import { moment } from '../model/words';
import { SourceText } from './source-text';
import { useStore } from './store-context';
import { Term } from './term';

export function LineDetails({ seq }: { seq: number }) {
  const store = useStore();
  const line = store.chronicle.value.lines.find((one) => one.seq === seq);
  if (!line) return <p>This event is not in the list any more.</p>;
  const origin = ORIGINS[line.what];
  const fields = Object.entries(line.events[0]!).filter(([name]) => !['seq', 'atMs', 'what'].includes(name));
  const source = origin && texts.sources[origin.source];
  return (
    <>
      <p>{line.text}.</p>
      <p class="dim">
        <button type="button" class="small" onClick={() => store.seek(line.atMs)}>
          go to {moment(line.atMs)}
        </button>
        {origin && (
          <>
            {' '}
            Kafka: <code>{origin.kafka}</code>
          </>
        )}
      </p>
      {origin?.term && (
        <p class="term-line">
          <Term id={origin.term} isWhole />
        </p>
      )}
      <dl class="facts">
        {fields.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd>
          </div>
        ))}
      </dl>
      {source && <SourceText lines={source} />}
    </>
  );
}
