/**
 * Messages on their way: where each is now, with its shape and colour by kind. One that arrived glows for a
 * moment of virtual time at its end; one that waits at a cut link stands before the cut.
 */
import { linkName, MessageKind } from '../../shared/events';
import { State } from '../../shared/state';
import { Places, Point, pointAt, wayBetween } from './places';

export interface Traveller {
  readonly id: number;
  readonly kind: MessageKind;
  readonly isResponse: boolean;
  readonly at: Point;
  /** Its direction, in degrees. */
  readonly angle: number;
  readonly isWaiting: boolean;
  /** What it is, with its bytes. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** More are not told apart by anybody. */
const MAX_DRAWN = 120;
/** A message that waits stands here, of the way. */
const BEFORE_THE_CUT = 0.42;

export const isControlPlane = (kind: MessageKind): boolean => kind === 'control' || kind === 'metadata';

/** In the order of the legend; `shape` is the sign beside the colour. */
export const KINDS: readonly {
  readonly kind: MessageKind;
  readonly label: string;
  readonly doc: string;
}[] = [
  { kind: 'produce', label: 'produce', doc: 'a producer’s records, and their acknowledgement' },
  { kind: 'fetch', label: 'fetch', doc: 'a consumer asks for records' },
  { kind: 'replica-fetch', label: 'replica fetch', doc: 'a follower asks its leader for records' },
  { kind: 'control', label: 'LeaderAndIsr', doc: 'the controller makes leaders and followers' },
  { kind: 'metadata', label: 'UpdateMetadata', doc: 'the controller tells who leads what' },
  { kind: 'group', label: 'group', doc: 'members and coordinator of a group' },
  { kind: 'zookeeper', label: 'ZooKeeper', doc: 'reads, writes and watches of znodes' },
];

/** The outline of a kind, around 0,0. Responses are drawn hollow. */
export function shapeOf(kind: MessageKind): string {
  switch (kind) {
    case 'produce':
      return 'M-4.5 -5 L5.5 0 L-4.5 5 Z';
    case 'control':
      return 'M0 -6 L6 0 L0 6 L-6 0 Z';
    case 'metadata':
      return 'M0 -4.6 L4.6 0 L0 4.6 L-4.6 0 Z';
    case 'group':
      return 'M-4 -4 H4 V4 H-4 Z';
    case 'zookeeper':
      return 'M-2.4 -4.4 H2.4 L4.8 0 L2.4 4.4 H-2.4 L-4.8 0 Z';
    case 'fetch':
      return 'M-4 0 A4 4 0 1 0 4 0 A4 4 0 1 0 -4 0 Z';
    default:
      return 'M-3 0 A3 3 0 1 0 3 0 A3 3 0 1 0 -3 0 Z';
  }
}

function placeOn(way: readonly Point[], share: number): { at: Point; angle: number } {
  const at = pointAt(way, share);
  const [before, after] = [pointAt(way, share - 0.02), pointAt(way, share + 0.02)];
  return { at, angle: Math.round((Math.atan2(after.y - before.y, after.x - before.x) * 180) / Math.PI) };
}

export function travellers(
  messages: State['messages'],
  cuts: State['cuts'],
  places: Places,
  nowMs: number,
): Traveller[] {
  const found: Traveller[] = [];
  const all = Object.values(messages);
  for (const { id, from, to, kind, name, isResponse, bytes, sentMs, arrivesMs } of all.slice(-MAX_DRAWN)) {
    if (sentMs > nowMs) continue;
    const way = wayBetween(places, from, to, isControlPlane(kind));
    if (!way) continue;
    const isWaiting = arrivesMs === null;
    // Its link is whole again, but its connection was not: it will never arrive.
    if (isWaiting && !(linkName(from, to) in cuts)) continue;
    const share = isWaiting ? BEFORE_THE_CUT : (nowMs - sentMs) / Math.max(0.001, arrivesMs - sentMs);
    const said = `${name} ${isResponse ? 'response' : 'request'}, ${bytes} bytes`;
    found.push({ id, kind, isResponse, ...placeOn(way, share), isWaiting, name: said, from, to });
  }
  return found;
}
