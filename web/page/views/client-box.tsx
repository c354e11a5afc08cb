/**
 * Producers and consumers: what they have sent, what was acknowledged, what they have read and what is
 * left.
 */
import { State } from '../../shared/state';
import { shortNumber } from '../model/bars';
import { Box } from '../model/places';
import { pressable } from './pressable';
import { useStore } from './store-context';

type Producer = State['producers'][string];
type Consumer = State['consumers'][string];

function Figures({ box, figures }: { box: Box; figures: readonly (readonly [string, number, string?])[] }) {
  const first = (box.width - 20) * (figures.length < 3 ? 0.5 : box.width > 200 ? 0.42 : 0.34);
  const each = (box.width - 20 - first) / (figures.length - 1);
  const x = (i: number) => box.x + 10 + (i === 0 ? 0 : first + (i - 1) * each);
  return (
    <>
      {figures.map(([label, value, tone], i) => (
        <g key={label} class={`figure ${value > 0 ? (tone ?? '') : ''}`}>
          <text class="value" x={x(i)} y={box.y + 41}>
            {shortNumber(value)}
          </text>
          <text class="note" x={x(i)} y={box.y + 56}>
            {label}
          </text>
        </g>
      ))}
    </>
  );
}

export function ProducerBox({ one, box }: { one: Producer; box: Box }) {
  const store = useStore();
  const { producer, acks, isIdempotent, status, acked, waiting, failed, unknown } = one;
  return (
    <g
      class={`client producer-box ${status}`}
      {...pressable(`producer ${producer}, ${acked} acknowledged, ${waiting} waiting`, () =>
        store.select({ kind: 'producer', name: producer }),
      )}
      data-client={producer}
    >
      <rect class="body" {...box} rx="7" />
      <text class="name" x={box.x + 10} y={box.y + 19}>
        {producer}
      </text>
      <text class="note" x={box.x + box.width - 10} y={box.y + 19} text-anchor="end">
        {[
          box.width > 230 && 'producer',
          box.width > 110 && `acks=${acks}`,
          isIdempotent && box.width > 170 && 'idempotent',
        ]
          .filter(Boolean)
          .join(' · ')}
      </text>
      <Figures
        box={box}
        figures={[
          ['acked', acked],
          ['waiting', waiting, 'warm'],
          ['failed', failed + unknown, 'warm'],
        ]}
      />
    </g>
  );
}

export function ConsumerBox({
  one,
  group,
  box,
}: {
  one: Consumer;
  group: State['groups'][string] | undefined;
  box: Box;
}) {
  const store = useStore();
  const { consumer, status, assigned, read, lag } = one;
  const isWide = box.width > 190;
  const member =
    group && isWide ? `${one.group} · generation ${group.generation}` : (one.group ?? 'no group');
  return (
    <g
      class={`client consumer-box ${status}`}
      {...pressable(`consumer ${consumer}, ${read} read, lag ${lag}`, () =>
        store.select({ kind: 'consumer', name: consumer }),
      )}
      data-client={consumer}
    >
      <rect class="body" {...box} rx="7" />
      <text class="name" x={box.x + 10} y={box.y + 19}>{`${consumer} [${assigned.join(' ')}]`}</text>
      <text class="note" x={box.x + box.width - 10} y={box.y + 19} text-anchor="end">
        {box.width > 130 && member}
      </text>
      <Figures
        box={box}
        figures={[
          ['read', read],
          ['lag', lag, 'warm'],
        ]}
      />
    </g>
  );
}
