/** Which sign is which message, and how a bar of offsets is read. */
import { KINDS, shapeOf } from '../model/messages-view';

export function Legend() {
  return (
    <div class="legend" aria-label="legend">
      {KINDS.map(({ kind, label, doc }) => (
        <span key={kind} title={doc}>
          <svg viewBox="-7 -7 14 14" class={`message ${kind}`}>
            <path d={shapeOf(kind)} />
          </svg>
          {label}
        </span>
      ))}
    </div>
  );
}

/** In the corner of the picture: the parts of a bar. */
export function BarLegend({ x, y }: { x: number; y: number }) {
  return (
    <g class="bar-legend" transform={`translate(${x} ${y})`}>
      <rect class="epoch-0" width="46" height="12" rx="2" />
      <rect class="epoch-1" x="46" width="26" height="12" />
      <rect class="epoch-1" x="72" width="22" height="12" />
      <rect class="hatch" x="72" width="22" height="12" />
      <text class="in" x="23" y="9.6">
        e0
      </text>
      <text class="in" x="59" y="9.6">
        e1
      </text>
      <path class="watermark" d="M72 -3 V15" />
      <path class="watermark-head" d="M68.5 -4 h7 l-3.5 4.5 Z" />
      <text class="note" x="0" y="28">
        leader epochs
      </text>
      <text class="note" x="78" y="-4">
        high watermark
      </text>
      <text class="note" x="78" y="28">
        not committed
      </text>
    </g>
  );
}
