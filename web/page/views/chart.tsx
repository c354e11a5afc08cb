/** Records a second and the time of an acknowledgement, below the lanes and on their axis. */
import { Chart, chartOf, lineThrough, Sample } from '../model/chart';
import { shortNumber } from '../model/bars';
import { shareOfTime, TimeWindow } from '../model/timeline-view';
import { Box } from '../model/places';
import { useStore } from './store-context';

const ROW = 21;
export const CHART_HEIGHT = 2 * ROW + 4;

interface RowProps {
  readonly label: string;
  readonly max: string;
  readonly y: number;
  readonly box: Box;
  readonly lines: readonly { readonly name: string; readonly path: string; readonly doc: string }[];
}

function Row({ label, max, y, box, lines }: RowProps) {
  return (
    <g class="chart-row">
      <text x="0" y={y + ROW / 2 + 4}>
        {label}
      </text>
      <path class="ground" d={`M${box.x} ${y + ROW} H${box.x + box.width}`} />
      <text class="max" x={box.x + 2} y={y + 8}>
        {max}
      </text>
      {lines.map(({ name, path, doc }) => (
        <path key={name} class={`curve ${name}`} d={path}>
          <title>{doc}</title>
        </path>
      ))}
    </g>
  );
}

/** `box`: where the lanes stand, to the right of their names. */
export function Curves({ box, view }: { box: Box; view: TimeWindow }) {
  const store = useStore();
  const chart: Chart = chartOf(store.parts.rates.value, view, store.tickMs.value);
  const rows = { records: box.y + 2, latency: box.y + ROW + 3 };
  const line = (y: number, max: number, of: (sample: Sample) => number | null) =>
    lineThrough(
      chart.samples.map((sample) => {
        const value = of(sample);
        const x = box.x + shareOfTime(view, sample.atMs) * box.width;
        return value === null ? null : [x, y + ROW - (Math.min(max, value) / max) * (ROW - 3)];
      }),
    );
  const { maxPerS, maxLatencyMs } = chart;
  return (
    <g class="chart" data-chart={`${maxPerS} ${maxLatencyMs}`}>
      <Row
        {...{ box, y: rows.records, label: 'records/s', max: shortNumber(maxPerS) }}
        lines={[
          {
            name: 'read',
            path: line(rows.records, maxPerS, ({ readPerS }) => readPerS),
            doc: 'records read a second (dashed)',
          },
          {
            name: 'acked',
            path: line(rows.records, maxPerS, ({ ackedPerS }) => ackedPerS),
            doc: 'records acknowledged a second',
          },
        ]}
      />
      <Row
        {...{ box, y: rows.latency, label: 'ack takes', max: `${shortNumber(maxLatencyMs)} ms` }}
        lines={[
          {
            name: 'latency',
            path: line(rows.latency, maxLatencyMs, ({ latencyMs }) => latencyMs),
            doc: 'mean time from sending a record to its acknowledgement',
          },
        ]}
      />
    </g>
  );
}
