/** What the attacker's process does with its order. */
import { Sweep } from '../../src/attack/hostile-requests';
import { carryOut } from '../../src/attack/worker';
import { AttackerReport } from '../../src/lab/attacker-process';
import { allApis } from '../../src/protocol/apis';
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { World } from '../../src/simulation/world';

const PORTS = [9092, 9093];

/** Servers that say nothing, an attacker, and what came in by port. */
async function stage() {
  const world = new World('worker');
  const network = new SimNetwork(world);
  const server = new SimHost(world, network, 'server').boot();
  const received = new Map<number, Buffer[]>(PORTS.map((port) => [port, []]));
  for (const port of PORTS) {
    await server.network.listen('127.0.0.1', port, (connection) => {
      connection.onData((chunk) => received.get(port)!.push(Buffer.from(chunk)));
    });
  }
  const host = new SimHost(world, network, 'attacker').boot();
  const reports: AttackerReport[] = [];
  const order = { attack: 'every-field', seed: 's', ports: PORTS, forMs: 3000 };
  const carry = (changes: object) =>
    world.complete(
      carryOut({ ...order, ...changes }, host, (report) => reports.push(report)),
      60_000,
      'the order',
    );
  const bytesAt = (port: number) => Buffer.concat(received.get(port)!);
  return { carry, reports, bytesAt };
}

test('an input that is replayed is, byte for byte, the one that was sent, once to each broker', async () => {
  const { carry, reports, bytesAt } = await stage();
  await carry({ number: 1234 });
  const { frame } = new Sweep(allApis, true).request(1234);
  for (const port of PORTS) expect(bytesAt(port).equals(frame)).toBe(true);
  expect(reports.at(-1)).toMatchObject({ inputs: 2, outcomes: { silent: 2 } });
  expect(reports.at(-1)!.suspects[0]).toMatch(/^every-field:s:1234 /);
});

test('an attack ends when its time is up, and has told meanwhile what it sent', async () => {
  const { carry, reports } = await stage();
  await carry({ attack: 'random-frames' });
  expect(reports.length).toBeGreaterThan(5);
  expect(reports.at(-1)!.inputs).toBeGreaterThan(50);
});

test('what is no list of inputs is not replayed, and an unknown attack is named with those there are', async () => {
  const { carry } = await stage();
  await expect(carry({ attack: 'half-frames', number: 1 })).rejects.toThrow('run it with --only half-frames');
  await expect(carry({ attack: 'nonsense' })).rejects.toThrow('there is no attack');
});
