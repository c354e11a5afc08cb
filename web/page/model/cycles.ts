/** What a key walks through: everything of a kind that is in the picture, one after the other. */
import { State } from '../../shared/state';
import { isInternal } from './broker-view';
import { isSame, Selection } from './selection';
import { linkEnds } from './who';

type Seen = Pick<State, 'brokers' | 'replicas' | 'producers' | 'consumers' | 'messages' | 'nowMs'>;

const byName = <T>(of: Readonly<Record<string | number, T>>): T[] => Object.values(of);

function links({ brokers, producers, consumers }: Seen): Selection[] {
  const clients = [...byName(producers), ...byName(consumers)].filter(({ status }) => status !== 'stopped');
  const hosts = [...byName(brokers), ...clients].map(({ host }) => host);
  return linkEnds(hosts).map(([from, to]) => ({ kind: 'link', from, to }));
}

function replicas(state: Seen, chosen: Selection | null): Selection[] {
  const broker = chosen?.kind === 'broker' ? chosen.broker : undefined;
  return byName(state.replicas)
    .filter((one) => !isInternal(one.topic) && (broker === undefined || one.broker === broker))
    .sort((a, b) => a.broker - b.broker || a.topic.localeCompare(b.topic) || a.partition - b.partition)
    .map(({ broker: id, topic, partition }) => ({ kind: 'replica', broker: id, topic, partition }));
}

const CYCLES: Readonly<Record<string, (state: Seen, chosen: Selection | null) => Selection[]>> = {
  j: replicas,
  l: links,
  c: ({ producers, consumers }) => [
    ...byName(producers).map(({ producer }) => ({ kind: 'producer', name: producer }) as const),
    ...byName(consumers).map(({ consumer }) => ({ kind: 'consumer', name: consumer }) as const),
  ],
  m: ({ messages, nowMs }) =>
    byName(messages)
      .filter(({ arrivesMs }) => arrivesMs === null || arrivesMs > nowMs)
      .map(({ id }) => ({ kind: 'message', id })),
  z: () => [{ kind: 'zookeeper' }],
};

/** The next (or, by -1, the one before) after what is chosen; undefined: the key walks nowhere. */
export function nextSelection(
  key: string,
  state: Seen,
  chosen: Selection | null,
  by: 1 | -1,
): Selection | undefined {
  const all = CYCLES[key]?.(state, chosen) ?? [];
  const at = all.findIndex((one) => isSame(one, chosen));
  if (at < 0) return by > 0 ? all[0] : all.at(-1);
  return all[(at + by + all.length) % all.length];
}
