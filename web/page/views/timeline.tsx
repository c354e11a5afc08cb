/**
 * The timeline: a lane for each process, the spans of the last failover, and a hand that is dragged through
 * time.
 */
import { useRef } from 'preact/hooks';
import {
  Band,
  bandsOf,
  labelStarts,
  lanesOf,
  Mark,
  marksOf,
  shareOfTime,
  tickLabel,
  ticksOf,
  timeAt,
  TimeWindow,
} from '../model/timeline-view';
import { moment } from '../model/words';
import { CHART_HEIGHT, Curves } from './chart';
import { useSize } from './size';
import { useStore } from './store-context';

const LABELS = 68;
const ZOOM_STEP = 1.25;
const BANDS = 17;
const TICKS = 14;

function Bands({ bands, x, end }: { bands: readonly Band[]; x: (atMs: number) => number; end: number }) {
  const starts = labelStarts(
    bands.map(({ fromMs, label }) => ({ at: x(fromMs), width: label.length * 5.9 + 12 })),
    end,
  );
  return (
    <g class="bands">
      {bands.map(({ name, fromMs, until, label }) => (
        <g key={name} class={`band ${name.replace(' ', '-')}`}>
          <title>{label}</title>
          <rect x={x(fromMs)} y="1" width={Math.max(2, x(until) - x(fromMs))} height={BANDS - 3} rx="2" />
        </g>
      ))}
      {bands.map(({ name, label }, i) => (
        <text key={name} class={`band-label ${name.replace(' ', '-')}`} x={starts[i]! + 4} y="11.5">
          {label}
        </text>
      ))}
    </g>
  );
}

function shapeOfMark(tone: Mark['tone']): string {
  switch (tone) {
    case 'fault':
      return 'M-3.5 -3.5 L3.5 3.5 M3.5 -3.5 L-3.5 3.5';
    case 'control':
      return 'M0 -4.4 L4.4 0 L0 4.4 L-4.4 0 Z';
    case 'broken':
      return 'M-1.6 -5 h3.2 v6 h-3.2 Z M-1.6 2.4 h3.2 v3 h-3.2 Z';
    default:
      return 'M-2.6 0 A2.6 2.6 0 1 0 2.6 0 A2.6 2.6 0 1 0 -2.6 0 Z';
  }
}

function Lanes({ width, height, view }: { width: number; height: number; view: TimeWindow }) {
  const store = useStore();
  const { brokers, producers, consumers } = store.parts;
  const nowMs = store.tickMs.value;
  const chronicle = store.chronicle.value;
  const known = store.known.value;
  const lanes = lanesOf({ brokers: brokers.value, producers: producers.value, consumers: consumers.value });
  const each = (height - BANDS - TICKS - CHART_HEIGHT) / Math.max(1, lanes.length);
  const x = (atMs: number) => LABELS + shareOfTime(view, atMs) * (width - LABELS - 8);
  const y = (lane: number) => BANDS + (lane + 0.5) * each;
  // Where nobody is seen to write, nobody is seen to recover.
  const hasClients = Object.keys(producers.value).length > 0;
  const bands = bandsOf(chronicle, nowMs, view).filter(
    ({ name, toMs }) => hasClients || name !== 'client recovers' || toMs !== null,
  );
  return (
    <>
      {lanes.map(({ host, label }, i) => (
        <g key={host} class="lane">
          <text x="0" y={y(i) + 3.6} style={{ fontSize: `${Math.min(11, each + 1)}px` }}>
            {label}
          </text>
          <path d={`M${LABELS} ${y(i)} H${width - 8}`} />
        </g>
      ))}
      {ticksOf(view).map((atMs) => (
        <g key={atMs} class="tick">
          <path d={`M${x(atMs)} ${BANDS} V${height - TICKS}`} />
          <text x={x(atMs)} y={height - 3} text-anchor={atMs === view.toMs ? 'end' : 'middle'}>
            {tickLabel(atMs, view)}
          </text>
        </g>
      ))}
      <Bands bands={bands} x={x} end={width - 6} />
      {marksOf(known, lanes, view).map(({ seq, atMs, lane, tone, text }) => (
        <path
          key={seq}
          class={`tell ${tone} ${atMs > nowMs + 100 ? 'to-come' : ''}`}
          d={shapeOfMark(tone)}
          transform={`translate(${x(atMs)} ${y(lane)})`}
        >
          <title>{`${moment(atMs)}: ${text}`}</title>
        </path>
      ))}
    </>
  );
}

/** The only part of the timeline that moves in each frame. */
function Hand({ width, height, view }: { width: number; height: number; view: TimeWindow }) {
  const at = LABELS + shareOfTime(view, useStore().drawnMs.value) * (width - LABELS - 8);
  return (
    <g class="hand">
      <path d={`M${at} ${BANDS - 2} V${height - TICKS + 2}`} />
      <path class="grip" d={`M${at - 5} ${height - TICKS + 9} l5 -7 l5 7 Z`} />
    </g>
  );
}

export function Timeline() {
  const store = useStore();
  const [element, size] = useSize<HTMLDivElement>();
  const isDragging = useRef(false);
  const nowMs = store.tickMs.value;
  const view = store.timeView.value;
  const boxOf = (width: number, height: number) => ({
    x: LABELS,
    y: height - TICKS - CHART_HEIGHT,
    width: width - LABELS - 8,
    height: CHART_HEIGHT,
  });
  const timeUnder = (event: MouseEvent) => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    const unit = width / size!.width;
    return timeAt(view, ((event.clientX - left) / unit - LABELS) / (size!.width - LABELS - 8));
  };
  const seekTo = (event: PointerEvent) => store.seek(timeUnder(event));
  return (
    <div
      class="timeline"
      ref={element}
      role="slider"
      tabIndex={0}
      aria-valuemin={Math.round(view.fromMs)}
      aria-valuemax={Math.round(view.toMs)}
      aria-label="time"
      aria-valuenow={Math.round(nowMs)}
      onWheel={(event) => {
        event.preventDefault();
        store.zoomBy(event.deltaY > 0 ? ZOOM_STEP : 1 / ZOOM_STEP, timeUnder(event));
      }}
      onPointerDown={(event) => {
        isDragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        store.pause();
        seekTo(event);
      }}
      onPointerMove={(event) => {
        if (isDragging.current) seekTo(event);
      }}
      onPointerUp={() => {
        isDragging.current = false;
      }}
    >
      {size && (
        <svg viewBox={`0 0 ${size.width} ${size.height}`}>
          <Lanes width={size.width} height={size.height} view={view} />
          <Curves box={boxOf(size.width, size.height)} view={view} />
          <Hand width={size.width} height={size.height} view={view} />
        </svg>
      )}
    </div>
  );
}
