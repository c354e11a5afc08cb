/**
 * One replica: a bar of offsets on the axis of its partition. Colour and number name the leader epoch that
 * wrote a stretch; what lies behind the high watermark (the upright line) is hatched, because it is not
 * committed yet.
 */
import { barShape, BarShape, epochClass, shareOf, shortNumber } from '../model/bars';
import { ReplicaView } from '../model/broker-view';
import { Box } from '../model/places';
import { pressable } from './pressable';
import { useStore } from './store-context';

/** A bar where it stands: `at` is the x of an offset. */
interface Drawn {
  readonly row: ReplicaView;
  readonly bar: Box;
  readonly shape: BarShape;
  readonly at: (offset: number) => number;
}

const textSize = ({ isSmall, isLarge, height }: BarShape): number =>
  isSmall ? Math.min(11, height + 3) : isLarge ? 15 : 12;

function Flag({ row, bar, shape }: Drawn) {
  const x = bar.x - shape.label;
  if (shape.isSmall) return <path class="flag" d={`M${x} ${bar.y} h5 l-5 5 Z`} />;
  const y = bar.y + bar.height / 2 - 6;
  return (
    <path class="flag" d={`M${x} ${y + 12} v-12 h9 l-2.5 3.4 l2.5 3.4 h-7.4`}>
      <title>{`broker ${row.broker} leads ${row.name}`}</title>
    </path>
  );
}

function Stretches({ row: { stretches }, bar: { y, height }, shape, at }: Drawn) {
  return (
    <>
      {stretches.map(({ from, to, epoch, isCommitted }) => {
        const box = { x: at(from), y, width: Math.max(0.5, at(to) - at(from)), height };
        return (
          <g key={`${epoch}-${isCommitted}`} class={`stretch ${epochClass(epoch)}`}>
            <rect {...box} />
            {!isCommitted && <rect class="hatch" {...box} />}
            {isCommitted && !shape.isSmall && box.width > 22 && (
              <text x={box.x + box.width / 2} y={y + height / 2 + 4}>{`e${epoch}`}</text>
            )}
          </g>
        );
      })}
    </>
  );
}

/** What was truncated just now, crossed out. */
function Ghost({ row: { truncatedFrom, logEnd }, bar: { y, height }, at }: Drawn) {
  if (truncatedFrom === null) return null;
  const from = at(logEnd);
  const to = Math.max(from + 2, at(truncatedFrom));
  return (
    <g class="ghost">
      <rect x={from} y={y} width={to - from} height={height} />
      <path d={`M${from} ${y} L${to} ${y + height} M${from} ${y + height} L${to} ${y}`} />
    </g>
  );
}

function Lines({ row: { highWatermark, syncedTo, axis }, bar: { y, height }, shape, at }: Drawn) {
  const line = at(highWatermark);
  return (
    <>
      <path class="synced" d={`M${at(axis.from)} ${y + height + 2} H${at(syncedTo)}`} />
      <path class="watermark" d={`M${line} ${y - 3} V${y + height + 3}`} />
      {!shape.isSmall && <path class="watermark-head" d={`M${line - 3.5} ${y - 4} h7 l-3.5 4.5 Z`} />}
    </>
  );
}

function Texts({ row, bar: { x, y, width, height }, shape }: Drawn) {
  const size = textSize(shape);
  const middle = y + height / 2 + size * 0.36;
  const style = { fontSize: `${size}px` };
  const { label, number, isSmall, isLarge } = shape;
  return (
    <>
      {label > 20 && (
        <text class="label" x={x - label + 13} y={middle} style={style}>
          {isSmall || label < 40 ? row.partition : row.label}
        </text>
      )}
      {number > 0 && (
        <text class="end" x={x + width + 5} y={middle} style={style}>
          {shortNumber(row.logEnd)}
        </text>
      )}
      {!isSmall && (
        <text class="note" x={x} y={y + height + (isLarge ? 16 : 13)}>
          {row.note}
        </text>
      )}
      {isLarge && (
        <text class="note" x={x} y={y + height + 31}>
          {row.logStart > 0
            ? `log start ${row.logStart}`
            : `${width > 95 ? 'high watermark' : 'HW'} ${row.highWatermark}`}
        </text>
      )}
    </>
  );
}

export function ReplicaBar({ row, box, isAlive }: { row: ReplicaView; box: Box; isAlive: boolean }) {
  const store = useStore();
  const { axis, name, isLeader, isInSync, isOffline, topic, partition, broker } = row;
  const shape = barShape(box);
  const { label, number, height, isSmall, isLarge } = shape;
  const y = box.y + (isSmall ? 1 : 5);
  const bar = { x: box.x + label, y, width: box.width - label - number, height };
  const drawn: Drawn = { row, bar, shape, at: (offset) => bar.x + shareOf(axis, offset) * bar.width };
  const signs = {
    leader: isLeader,
    behind: !isInSync,
    offline: isOffline,
    still: !isAlive,
    large: isLarge,
  };
  const classes = Object.entries(signs)
    .filter(([, is]) => is)
    .map(([sign]) => sign);
  const look = () => store.select({ kind: 'replica', broker, topic, partition });
  return (
    <g
      class={['replica', ...classes].join(' ')}
      data-replica={`${broker}/${name}`}
      {...pressable(row.words, look, -1)}
    >
      <title>{row.words}</title>
      {isLeader && <Flag {...drawn} />}
      <rect class="bar" {...bar} rx="2" />
      <Stretches {...drawn} />
      <Ghost {...drawn} />
      <Lines {...drawn} />
      <Texts {...drawn} />
    </g>
  );
}
