/**
 * What a cluster of the lab's own begins with, as the virtual one does (engine/scene.ts): a topic on up to
 * three brokers, a producer that writes with acks=all, and a consumer that reads.
 */
import { until } from '../../../src/lab/wait';
import { Action } from '../../shared/run';
import { EventHub } from '../event-hub';
import { BrokerBook } from './broker-book';
import { RealCluster } from './real-cluster';

const TOPIC = 't';
const REPLICAS = 3;

export async function setScene(deps: {
  readonly hub: EventHub;
  readonly book: BrokerBook;
  readonly brokers: number;
  readonly cluster: RealCluster;
}): Promise<void> {
  const { hub, book, brokers, cluster } = deps;
  const perform = async (action: Action) => {
    const refused = await cluster.perform(action);
    if (refused !== undefined) throw new Error(`the scene cannot be set: ${refused}`);
  };
  await until('a controller, and all brokers registered', () => {
    return book.controllerId >= 0 && book.ids.every((id) => book.isRegistered(id));
  });
  const replicas = Array.from({ length: Math.min(REPLICAS, brokers) }, (_, i) => i + 1);
  const settings = { 'min.insync.replicas': String(Math.min(2, brokers)) };
  await perform({ what: 'create-topic', topic: TOPIC, assignment: [replicas], settings });
  await until(`all replicas of ${TOPIC}-0 in its ISR`, () => {
    return cluster.observer.replicas.stateOf(TOPIC, 0)?.isr.length === replicas.length;
  });
  await perform({ what: 'start-consumer', consumer: 'c1', topic: TOPIC, group: 'g1', settings: {} });
  await perform({
    what: 'start-producer',
    ...{ producer: 'p1', topic: TOPIC, acks: 'all', isIdempotent: true, everyMs: 500, bytes: 0 },
    settings: {},
  });
  await until('the first record to be read', () => cluster.commands.consumers.get('c1')!.readCount > 0);
  hub.see('lab', { what: 'ready' });
}
