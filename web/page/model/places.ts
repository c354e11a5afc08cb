/**
 * Where everything stands in the picture: ZooKeeper above, the brokers in a row, the clients below; and the
 * ways that messages take between them. Pure geometry in the units of the picture.
 *
 * What brokers say to one another as controller and brokers runs above them, records run below: so the two
 * planes of the cluster are told apart without colour.
 */
export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Places {
  readonly width: number;
  readonly height: number;
  /** By host name: `zookeeper`, `broker-1`, `client-1`. */
  readonly boxes: ReadonlyMap<string, Box>;
}

export interface Hosts {
  /** How many replicas the fullest broker holds; few need less height, and messages get longer ways. */
  readonly rows?: number;
  readonly brokers: readonly string[];
  readonly producers: readonly string[];
  readonly consumers: readonly string[];
}

const MARGIN = 14;
const ZOOKEEPER = { width: 330, height: 52, y: 10 };
/** What a broker needs for itself, and at most for each replica. */
const BROKER = { frame: 62, row: 90 };
const CLIENT_HEIGHT = 66;
const MAX_CLIENT_WIDTH = 236;
/** Room for the arcs between ZooKeeper and brokers, and between brokers and clients. */
const ABOVE = 62;
const BELOW = 62;
const ARC = 15;
const CURVE_POINTS = 14;

export const ZOOKEEPER_HOST = 'zookeeper';

function row(names: readonly string[], span: Box, gap: number, maxWidth: number): [string, Box][] {
  if (names.length === 0) return [];
  const width = Math.min(maxWidth, (span.width - gap * (names.length - 1)) / names.length);
  const used = width * names.length + gap * (names.length - 1);
  const left = span.x + (span.width - used) / 2;
  return names.map((name, i) => [
    name,
    { x: left + i * (width + gap), y: span.y, width, height: span.height },
  ]);
}

export function layOut(width: number, height: number, hosts: Hosts): Places {
  const { brokers, producers, consumers, rows = Infinity } = hosts;
  const inner = width - 2 * MARGIN;
  const boxes = new Map<string, Box>();
  const zkWidth = Math.min(ZOOKEEPER.width, inner);
  boxes.set(ZOOKEEPER_HOST, {
    x: (width - zkWidth) / 2,
    y: ZOOKEEPER.y,
    width: zkWidth,
    height: ZOOKEEPER.height,
  });
  const first = ZOOKEEPER.y + ZOOKEEPER.height + ABOVE;
  const bottom = height - MARGIN - CLIENT_HEIGHT;
  const brokerGap = brokers.length > 5 ? 8 : 22;
  const room = bottom - BELOW - first;
  const used = Math.min(room, BROKER.frame + BROKER.row * Math.max(1, rows));
  const brokerRow = { x: MARGIN, y: first + (room - used) / 2, width: inner, height: used };
  for (const [name, box] of row(brokers, brokerRow, brokerGap, inner)) boxes.set(name, box);
  const clients = [...producers, ...consumers];
  const clientRow = { x: MARGIN, y: bottom, width: inner, height: CLIENT_HEIGHT };
  for (const [name, box] of row(clients, clientRow, 16, MAX_CLIENT_WIDTH)) boxes.set(name, box);
  return { width, height, boxes };
}

export const centreX = ({ x, width }: Box): number => x + width / 2;
const bottomOf = ({ y, height }: Box): number => y + height;

function curve(from: Point, control: Point, to: Point): Point[] {
  return Array.from({ length: CURVE_POINTS + 1 }, (_, i) => {
    const t = i / CURVE_POINTS;
    const u = 1 - t;
    return {
      x: u * u * from.x + 2 * u * t * control.x + t * t * to.x,
      y: u * u * from.y + 2 * u * t * control.y + t * t * to.y,
    };
  });
}

/** A request from one to the other and its response should not lie on one another. */
function sideStep(from: Box, to: Box): number {
  return from.x < to.x ? -4 : 4;
}

function betweenBrokers(from: Box, to: Box, isControl: boolean): Point[] {
  const step = sideStep(from, to);
  const distance = Math.round(Math.abs(centreX(from) - centreX(to)) / Math.max(1, from.width));
  const sag = (ARC + 19 * distance) * (isControl ? -1 : 1) + (step > 0 ? 6 : -6);
  const y = isControl ? from.y : bottomOf(from);
  const shift = (box: Box, other: Box) => centreX(box) + (other.x > box.x ? 1 : -1) * box.width * 0.2;
  const start = { x: shift(from, to), y };
  const end = { x: shift(to, from), y: isControl ? to.y : bottomOf(to) };
  return curve(start, { x: (start.x + end.x) / 2, y: y + sag }, end);
}

/** Clients reach ZooKeeper through the gap beside the brokers that is next to them. */
function pastBrokers(client: Box, zookeeper: Box, { boxes }: Places): Point[] {
  const brokers = [...boxes].filter(([name]) => name.startsWith('broker-')).map(([, box]) => box);
  const start = { x: centreX(client) + 8, y: client.y };
  const end = {
    x: zookeeper.x + zookeeper.width * (client.x < zookeeper.x ? 0.08 : 0.92),
    y: bottomOf(zookeeper),
  };
  const first = brokers[0];
  if (!first) return [start, end];
  const gaps = brokers
    .slice(1)
    .map((box, i) => (bottomOf(brokers[i]!), (brokers[i]!.x + brokers[i]!.width + box.x) / 2));
  gaps.unshift(first.x - 7);
  gaps.push(brokers.at(-1)!.x + brokers.at(-1)!.width + 7);
  const gap = gaps.reduce((best, x) => (Math.abs(x - start.x) < Math.abs(best - start.x) ? x : best));
  return [start, { x: gap, y: bottomOf(first) + 10 }, { x: gap, y: first.y - 12 }, end];
}

/** The way of a message. Undefined if one of the hosts is not in the picture. */
export function wayBetween(
  places: Places,
  from: string,
  to: string,
  isControl: boolean,
): Point[] | undefined {
  const a = places.boxes.get(from);
  const b = places.boxes.get(to);
  if (!a || !b) return undefined;
  if (from === ZOOKEEPER_HOST) return wayBetween(places, to, from, isControl)?.reverse();
  if (from.startsWith('broker-') && to.startsWith('broker-')) return betweenBrokers(a, b, isControl);
  if (to === ZOOKEEPER_HOST) {
    if (from.startsWith('client-')) return pastBrokers(a, b, places);
    const share = (centreX(a) - MARGIN) / Math.max(1, places.width - 2 * MARGIN);
    return [
      { x: centreX(a), y: a.y },
      { x: b.x + b.width * (0.1 + 0.8 * share), y: bottomOf(b) },
    ];
  }
  const isUp = from.startsWith('client-');
  const step = isUp ? -5 : 5;
  const [upper, lower] = isUp ? [b, a] : [a, b];
  const up = [
    { x: centreX(lower) + step, y: lower.y },
    { x: centreX(upper) + step, y: bottomOf(upper) },
  ];
  return isUp ? up : up.reverse();
}

/** The point at a share of the way's length, 0 to 1. */
export function pointAt(way: readonly Point[], share: number): Point {
  const lengths = way.slice(1).map((point, i) => Math.hypot(point.x - way[i]!.x, point.y - way[i]!.y));
  let left = Math.min(1, Math.max(0, share)) * lengths.reduce((sum, one) => sum + one, 0);
  for (const [i, length] of lengths.entries()) {
    if (left > length) {
      left -= length;
      continue;
    }
    const t = length === 0 ? 0 : left / length;
    const [a, b] = [way[i]!, way[i + 1]!];
    return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
  }
  return way.at(-1)!;
}

/** The way as the data of an SVG path. */
export function pathOf(way: readonly Point[]): string {
  return way.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}
