/**
 * A broker: its status by shape and word, its crown if it is the controller, and its replicas as bars of
 * offsets. What a dead broker has on its disk stays in the picture, faded.
 */
import { brokerHost, ZOOKEEPER } from '../../shared/run';
import { State } from '../../shared/state';
import { isCutFrom } from '../model/faults';
import { Box } from '../model/places';
import { bytes } from '../model/words';
import { BrokerView, ReplicaView } from '../model/broker-view';
import { ReplicaBar } from './replica-bar';
import { useStore } from './store-context';

const HEAD = 36;
const FOOT = 24;

function Crown({ x, y, epoch }: { x: number; y: number; epoch: number }) {
  return (
    <g class="crown" transform={`translate(${x} ${y})`}>
      <title>{`The controller: it alone elects leaders. Controller epoch ${epoch}.`}</title>
      <path d="M0 4 L4 8 L8 0 L12 8 L16 4 L14.5 13 L1.5 13 Z" />
      <text x="20" y="12">
        {epoch}
      </text>
    </g>
  );
}

function StatusMark({ view, x, y }: { view: BrokerView; x: number; y: number }) {
  const { status } = view;
  const shape = {
    up: <circle r="5" />,
    starting: <circle r="4.2" class="hollow" />,
    stopping: <path d="M-4 -4 H4 V4 H-4 Z" class="hollow" />,
    paused: <path d="M-5 -5 H-1.2 V5 H-5 Z M1.2 -5 H5 V5 H1.2 Z" />,
    dead: <path d="M0 -7 V8 M-5 -3 H5" class="cross" />,
  }[status];
  return (
    <g class={`mark ${status}`} transform={`translate(${x} ${y})`}>
      {shape}
    </g>
  );
}

function Replicas({ rows, box, view }: { rows: readonly ReplicaView[]; box: Box; view: BrokerView }) {
  const room = box.height - HEAD - FOOT;
  const each = Math.min(90, room / Math.max(1, rows.length));
  return (
    <>
      {rows.map((row, i) => (
        <ReplicaBar
          key={row.name}
          row={row}
          isAlive={view.status !== 'dead'}
          box={{ x: box.x + 8, y: box.y + HEAD + i * each, width: box.width - 16, height: each }}
        />
      ))}
    </>
  );
}

/** The disk: what is synced is safe from a power cut, what is not yet is the hollow rest. */
function Foot({ box, disk }: { box: Box; disk: State['disks'][number] | undefined }) {
  if (!disk || box.width < 110) return null;
  const { syncedBytes, unsyncedBytes, failure } = disk;
  const words = failure === null ? `${bytes(unsyncedBytes)} not synced` : `disk ${failure}`;
  return (
    <g class={`disk ${failure === null ? '' : 'failed'}`}>
      <title>{`disk: ${bytes(syncedBytes)} synced, ${bytes(unsyncedBytes)} not yet`}</title>
      <path class="drum" d={drum(box.x + 12, box.y + box.height - 18)} />
      <text class="note" x={box.x + 28} y={box.y + box.height - 8}>
        {box.width > 180
          ? `${bytes(syncedBytes + unsyncedBytes)}, ${words}`
          : box.width > 150
            ? words
            : bytes(unsyncedBytes)}
      </text>
    </g>
  );
}

const drum = (x: number, y: number): string =>
  `M${x} ${y + 2} a5.5 2.2 0 0 1 11 0 v7 a5.5 2.2 0 0 1 -11 0 Z M${x} ${y + 2} a5.5 2.2 0 0 0 11 0`;

interface BrokerProps {
  readonly view: BrokerView;
  readonly box: Box;
  readonly cuts: State['cuts'];
  readonly disk: State['disks'][number] | undefined;
}

export function BrokerBox({ view, box, cuts, disk }: BrokerProps) {
  const store = useStore();
  const { id, status, isController, controllerEpoch, rows, problem } = view;
  const isCut = isCutFrom({ cuts }, brokerHost(id), ZOOKEEPER);
  const isChosen = store.selectedBroker.value === id;
  const classes = ['broker', status, isCut && 'cut', isController && 'controller', isChosen && 'chosen'];
  const words = [status === 'up' ? '' : status, isCut ? 'cut off' : ''].filter(Boolean).join(', ');
  const openMenu = (event: MouseEvent) => {
    event.preventDefault();
    store.selection.value = { kind: 'broker', broker: id };
    store.menuAt.value = { x: event.clientX, y: event.clientY, host: brokerHost(id) };
  };
  return (
    <g
      class={classes.filter(Boolean).join(' ')}
      data-broker={id}
      tabIndex={0}
      role="button"
      aria-label={`broker ${id}, ${status}${isController ? ', controller' : ''}`}
      onClick={() => store.select({ kind: 'broker', broker: id })}
      onContextMenu={openMenu}
      onFocus={() => {
        store.selection.value = { kind: 'broker', broker: id };
      }}
    >
      <rect class="body" {...box} rx="8" />
      {status === 'paused' && <rect class="frozen" {...box} rx="8" />}
      <StatusMark view={view} x={box.x + 17} y={box.y + 18} />
      <text class="name" x={box.x + 30} y={box.y + 23}>
        {box.width > (isController ? 132 : 100) ? `broker ${id}` : id}
        {words && box.width > 150 && (
          <tspan class="status" dx="7">
            {words}
          </tspan>
        )}
      </text>
      {isController && (
        <Crown
          x={box.x + box.width - (controllerEpoch > 9 ? 44 : 36)}
          y={box.y + 11}
          epoch={controllerEpoch}
        />
      )}
      {problem !== null && <title>{problem}</title>}
      <Foot box={box} disk={disk} />
      <Replicas rows={rows} box={box} view={view} />
    </g>
  );
}
