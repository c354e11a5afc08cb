/** The verdict of the virtual cluster over a loss. */
import { foldFromStart } from '../../web/shared/fold';
import { Command, DEFAULT_RUN } from '../../web/shared/run';
import { VirtualCluster } from '../../web/engine/virtual-cluster';

test('what is lost stays lost when others have its offsets and the old leader comes back', async () => {
  const cut = (to: string): Command => ({
    what: 'cut-link',
    from: 'broker-1',
    to,
    isOneWay: false,
    atMs: 4000,
  });
  const producer = { topic: 't', acks: '1', isIdempotent: false, everyMs: 100, bytes: 0, settings: {} };
  const actions: Command[] = [
    { what: 'stop-producer', producer: 'p1', atMs: 3000 },
    { what: 'start-producer', producer: 'p2', ...producer, atMs: 3000 },
    cut('broker-2'),
    cut('broker-3'),
    { what: 'kill', broker: 1, atMs: 5000 },
    { what: 'heal-all', atMs: 5100 },
    { what: 'start', broker: 1, atMs: 13_000 },
  ];
  const cluster = new VirtualCluster({ ...DEFAULT_RUN, actions });
  await cluster.advance(12_900);
  const events = cluster.drain();
  const { lost } = foldFromStart(events).verdict!;
  expect(lost).toBeGreaterThan(3);
  await cluster.advance(16_000);
  events.push(...cluster.drain());
  expect(events.some(({ what }) => what === 'truncated')).toBe(true);
  expect(foldFromStart(events).verdict!.lost).toBe(lost);
});
