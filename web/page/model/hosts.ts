/** Who stands in the picture: brokers by id, and the clients that have not stopped. */
import { State } from '../../shared/state';
import { Hosts } from './places';

export function hostsOf(state: Pick<State, 'brokers' | 'producers' | 'consumers'>, rows: number): Hosts {
  const isThere = ({ status }: { readonly status: string }) => status !== 'stopped';
  const host = (one: { readonly host: string }) => one.host;
  return {
    rows,
    brokers: Object.values(state.brokers)
      .sort((a, b) => a.broker - b.broker)
      .map(host),
    producers: Object.values(state.producers).filter(isThere).map(host),
    consumers: Object.values(state.consumers).filter(isThere).map(host),
  };
}
