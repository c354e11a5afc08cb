/**
 * Events that belong together, told in one sentence: a broker that leads three partitions and follows in
 * two has two lines, not five.
 */
import { LabEvent, partitionName } from '../../shared/events';
import { listed } from './words';

type Fields = Readonly<Record<string, unknown>>;

const id = (value: unknown) => String(value);
const isr = ({ isr: members }: Fields) => `ISR ${listed((members as readonly number[] | undefined) ?? [])}`;
const change = ({ from, leader }: Fields) =>
  from === -1 ? `broker ${id(leader)} leads` : `leader ${id(from)} → ${id(leader)}`;

/** Many names are told by the first of them and their number. */
function few(names: readonly string[]): string {
  return names.length <= 4 ? listed(names) : `${names.slice(0, 2).join(', ')} … (${names.length} partitions)`;
}

/** What events of a kind share, and how several of them are told. */
const KINDS: Readonly<
  Record<string, { key: (event: Fields) => string; tell: (event: Fields, names: string) => string }>
> = {
  'became-leader': {
    key: ({ broker }) => id(broker),
    tell: ({ broker }, names) => `Broker ${id(broker)} leads ${names}`,
  },
  'became-follower': {
    key: ({ broker }) => id(broker),
    tell: ({ broker }, names) => `Broker ${id(broker)} follows for ${names}`,
  },
  'leader-elected': {
    key: ({ from, leader, leaderEpoch, unclean, isr: members }) =>
      [from, leader, leaderEpoch, unclean, members].map(id).join(),
    tell: (event, names) => `${names}: ${change(event)} in epoch ${id(event.leaderEpoch)}, ${isr(event)}`,
  },
  'replica-left-isr': {
    key: ({ replica, leader, isr: members }) => [replica, leader === -1, members].map(id).join(),
    tell: (event, names) =>
      event.leader === -1
        ? `${names} have lost their leader ${id(event.replica)}, ${isr(event)}`
        : `${names}: ${id(event.replica)} leaves, ${isr(event)}`,
  },
  'isr-changed': {
    key: ({ broker, isr: members }) => [broker, members].map(id).join(),
    tell: (event, names) => `${names}: ${isr(event)}, written by the leader ${id(event.broker)}`,
  },
};

/** Events of the same group, close together in time, are one line. Undefined: the event stands alone. */
export function groupOf(event: LabEvent): string | undefined {
  const fields = event as Fields;
  if (event.what === 'leader-elected' && (fields.leader === -1 || fields.unclean === true)) return undefined;
  const kind = KINDS[event.what];
  return kind && `${event.what} ${kind.key(fields)}`;
}

/** `events`: more than one, all of one group. */
export function tellTogether(events: readonly LabEvent[]): string {
  const fields = events[0]! as Fields;
  const all = events.map((event) => event as Fields);
  const names = all.map(({ topic, partition }) => partitionName(topic as string, partition as number));
  return KINDS[events[0]!.what]!.tell(fields, few([...new Set(names)]));
}
