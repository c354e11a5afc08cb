/**
 * A replica as a bar of offsets: which stretch was written in which leader epoch, what is committed, where
 * the log ends. All replicas of a partition are drawn on one axis, so that they can be compared by eye.
 */
export interface Axis {
  readonly from: number;
  readonly to: number;
}

export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly epoch: number;
  /** Below the high watermark. */
  readonly isCommitted: boolean;
}

export interface ReplicaOffsets {
  readonly logStart: number;
  readonly highWatermark: number;
  readonly logEnd: number;
  /** Each leader epoch with its first offset, in order. */
  readonly epochs: readonly (readonly [epoch: number, start: number])[];
  readonly leaderEpoch: number;
}

const MIN_SPAN = 40;
const STEP = 10;

/**
 * The last offsets of a partition, in steps, so that the picture stands still while a few records are
 * added.
 */
export function axisOf(replicas: readonly ReplicaOffsets[], span = MIN_SPAN): Axis {
  const end = Math.max(0, ...replicas.map(({ logEnd }) => logEnd));
  const to = Math.max(span, Math.ceil((end + 1) / STEP) * STEP);
  return { from: to - span, to };
}

/** 0 to 1. */
export function shareOf({ from, to }: Axis, offset: number): number {
  return Math.min(1, Math.max(0, (offset - from) / (to - from)));
}

export function stretchesOf(
  { logStart, highWatermark, logEnd, epochs, leaderEpoch }: ReplicaOffsets,
  axis: Axis,
): Stretch[] {
  const known = epochs.length > 0 ? epochs : [[leaderEpoch, logStart] as const];
  const first = Math.max(logStart, axis.from);
  return known.flatMap(([epoch, start], i) => {
    const from = Math.max(i === 0 ? logStart : start, first);
    const to = Math.min(known[i + 1]?.[1] ?? logEnd, logEnd, axis.to);
    if (to <= from) return [];
    const edge = Math.min(to, Math.max(from, highWatermark));
    const both = [
      { from, to: edge, epoch, isCommitted: true },
      { from: edge, to, epoch, isCommitted: false },
    ];
    return both.filter((stretch) => stretch.to > stretch.from);
  });
}

export const EPOCH_HUES = 8;

/** The class that colours an epoch; the hues come again after eight. */
export const epochClass = (epoch: number): string =>
  `epoch-${((epoch % EPOCH_HUES) + EPOCH_HUES) % EPOCH_HUES}`;

/** Offsets as on a scoreboard: 1 204, 31 k. */
export function shortNumber(value: number): string {
  if (value < 10_000) return String(value);
  if (value < 10_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)} k`;
  return `${(value / 1_000_000).toFixed(1)} M`;
}

export interface BarShape {
  /** Width of the label before the bar and of the number behind it. */
  readonly label: number;
  readonly number: number;
  readonly height: number;
  /** Too small for a note below the bar. */
  readonly isSmall: boolean;
  /** Room for two notes, and larger letters. */
  readonly isLarge: boolean;
}

/**
 * How a bar fills its row: with few replicas it is legible from afar, with many there is still a bar of
 * each.
 */
export function barShape(row: { readonly width: number; readonly height: number }): BarShape {
  const { width, height } = row;
  const isWide = width > 130;
  if (height < 24) {
    const number = isWide && height > 11 ? 34 : 0;
    return {
      label: isWide ? 30 : 9,
      number,
      height: Math.max(4, height - 4),
      isSmall: true,
      isLarge: false,
    };
  }
  const isLarge = height >= 72;
  const bar = Math.max(15, Math.min(30, isLarge ? height - 48 : height - 26, 36));
  return { label: isWide ? 46 : 30, number: width > 110 ? 34 : 0, height: bar, isSmall: false, isLarge };
}
