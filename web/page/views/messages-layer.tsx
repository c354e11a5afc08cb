/** The messages on their way, drawn anew in each frame; the rest of the picture is not. */
import { shapeOf, travellers } from '../model/messages-view';
import { Places } from '../model/places';
import { whoIs } from '../model/who';
import { useStore } from './store-context';

export function MessagesLayer({ places }: { places: Places }) {
  const store = useStore();
  const { messages, cuts, producers, consumers } = store.parts;
  const shown = travellers(messages.value, cuts.value, places, store.drawnMs.value);
  const clients = { producers: producers.value, consumers: consumers.value };
  const chosen = store.selection.value;
  return (
    <g class="messages">
      {shown.map(({ id, kind, isResponse, at, angle, isWaiting, name, from, to }) => (
        <g
          key={id}
          transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)}) scale(1.3)`}
          data-message={id}
          class={`message ${kind} ${isResponse ? 'response' : ''} ${isWaiting ? 'waiting' : ''}
            ${chosen?.kind === 'message' && chosen.id === id ? 'chosen' : ''}`}
          onClick={(event) => {
            event.stopPropagation();
            store.select({ kind: 'message', id });
          }}
        >
          <title>{`${name}, ${whoIs(clients, from)} → ${whoIs(clients, to)}`}</title>
          <circle class="reach" r="10" />
          <path d={shapeOf(kind)} transform={kind === 'produce' ? `rotate(${angle})` : ''} />
        </g>
      ))}
    </g>
  );
}
