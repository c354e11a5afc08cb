/** Whose host it is, in the words of the picture: a number of a host says nothing to a reader. */
import { State } from '../../shared/state';
import { hostName } from './words';

type Clients = Pick<State, 'producers' | 'consumers'>;

/** `broker 2`, `ZooKeeper`, `producer p1`, `consumer c1`; other clients are programs that administer. */
export function whoIs({ producers, consumers }: Clients, host: string): string {
  const producer = Object.values(producers).find((one) => one.host === host);
  if (producer) return `producer ${producer.producer}`;
  const consumer = Object.values(consumers).find((one) => one.host === host);
  if (consumer) return `consumer ${consumer.consumer}`;
  return host.startsWith('client-') ? `administrator ${host.slice('client-'.length)}` : hostName(host);
}

/** Clients that have stopped do not stand in the picture. */
export function linkEnds(hosts: readonly string[]): (readonly [from: string, to: string])[] {
  const brokers = hosts.filter((host) => host.startsWith('broker-'));
  const clients = hosts.filter((host) => host.startsWith('client-'));
  return [
    ...brokers.map((host) => [host, 'zookeeper'] as const),
    ...brokers.flatMap((a, i) => brokers.slice(i + 1).map((b) => [a, b] as const)),
    ...clients.flatMap((client) => brokers.map((host) => [client, host] as const)),
  ];
}
