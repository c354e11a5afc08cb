/**
 * One replica: a bar of offsets on the axis of its partition. Colour and number name the leader epoch that
 * wrote a stretch; what lies behind the high watermark (the upright line) is hatched, because it is not
 * committed yet.
 */
import { epochClass, shareOf, shortNumber } from '../model/bars';
import { ReplicaView } from '../model/broker-view';
import { Box } from '../model/places';
import { useStore } from './store-context';

/** Width of what stands before and behind the bar; less where there are many. */
function margins({ width, height }: Box): { label: number; number: number; isSmall: boolean } {
  const isSmall = height < 24;
  if (isSmall) return { label: width > 130 ? 30 : 9, number: width > 130 && height > 11 ? 34 : 0, isSmall };
  return { label: width > 130 ? 46 : 30, number: width > 110 ? 34 : 0, isSmall };
}

function barHeight(box: Box, isSmall: boolean): number {
  if (isSmall) return Math.max(4, box.height - 4);
  return Math.max(15, Math.min(20, box.height - 26));
}

function Flag({ x, y }: { x: number; y: number }) {
  return (
    <path
      class="flag"
      d={`M${x} ${y + 11} V${y} H${x + 9} L${x + 6.5} ${y + 3.2} L${x + 9} ${y + 6.4} H${x + 1.6}`}
    />
  );
}

function Ghost({ row, x, y, width, height }: { row: ReplicaView } & Box) {
  if (row.truncatedFrom === null) return null;
  const from = x + shareOf(row.axis, row.logEnd) * width;
  const to = x + shareOf(row.axis, row.truncatedFrom) * width;
  return (
    <g class="ghost">
      <rect x={from} y={y} width={Math.max(2, to - from)} height={height} />
      <path d={`M${from} ${y} L${to} ${y + height} M${from} ${y + height} L${to} ${y}`} />
    </g>
  );
}

export function ReplicaBar({ row, box, isAlive }: { row: ReplicaView; box: Box; isAlive: boolean }) {
  const store = useStore();
  const {
    axis,
    stretches,
    name,
    isLeader,
    isInSync,
    highWatermark,
    logEnd,
    syncedTo,
    topic,
    partition,
    broker,
  } = row;
  const { label, number, isSmall } = margins(box);
  const height = barHeight(box, isSmall);
  const x = box.x + label;
  const y = box.y + (isSmall ? 1 : 4);
  const width = box.width - label - number;
  const at = (offset: number) => x + shareOf(axis, offset) * width;
  const line = at(highWatermark);
  const classes = [
    'replica',
    isLeader && 'leader',
    !isInSync && 'behind',
    row.isOffline && 'offline',
    !isAlive && 'still',
  ];
  const look = (event: MouseEvent) => {
    event.stopPropagation();
    store.select({ kind: 'replica', broker, topic, partition });
  };
  return (
    <g class={classes.filter(Boolean).join(' ')} data-replica={`${broker}/${name}`} onClick={look}>
      <title>{row.words}</title>
      {isLeader
        && (isSmall ? <path class="flag" d={`M${box.x} ${y} h5 l-5 5 Z`} /> : <Flag x={box.x} y={y + 1} />)}
      {label > 20 && (
        <text
          class="label"
          x={box.x + 12}
          y={y + height - (isSmall ? 1 : 3.5)}
          style={isSmall ? { fontSize: `${Math.min(11, box.height - 1)}px` } : {}}
        >
          {isSmall || label < 40 ? partition : row.label}
        </text>
      )}
      <rect class="bar" x={x} y={y} width={width} height={height} rx="2" />
      {stretches.map(({ from, to, epoch, isCommitted }) => (
        <g
          key={`${epoch}-${isCommitted}`}
          class={`stretch ${epochClass(epoch)} ${isCommitted ? 'committed' : 'open'}`}
        >
          <rect x={at(from)} y={y} width={Math.max(0.5, at(to) - at(from))} height={height} />
          {!isCommitted && (
            <rect
              class="hatch"
              x={at(from)}
              y={y}
              width={Math.max(0.5, at(to) - at(from))}
              height={height}
            />
          )}
          {isCommitted && !isSmall && at(to) - at(from) > 22 && (
            <text x={(at(from) + at(to)) / 2} y={y + height - 3.7}>{`e${epoch}`}</text>
          )}
        </g>
      ))}
      <Ghost row={row} x={x} y={y} width={width} height={height} />
      <path class="synced" d={`M${at(axis.from)} ${y + height + 1.5} H${at(syncedTo)}`} />
      <path class="watermark" d={`M${line} ${y - 3} V${y + height + 3}`} />
      {!isSmall && <path class="watermark-head" d={`M${line - 3.5} ${y - 4} h7 l-3.5 4.5 Z`} />}
      {number > 0 && (
        <text
          class="end"
          x={x + width + 5}
          y={y + height - (isSmall ? 1 : 3.5)}
          style={isSmall ? { fontSize: `${Math.min(11, box.height - 1)}px` } : {}}
        >
          {shortNumber(logEnd)}
        </text>
      )}
      {!isSmall && box.height > 32 && (
        <text class="note" x={x} y={y + height + 12.5}>
          {row.note}
        </text>
      )}
    </g>
  );
}
