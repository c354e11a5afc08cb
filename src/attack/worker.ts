/**
 * The program of `lab/attacker-process`: runs one attack against the given ports for a given time.
 */
import { Host } from '../common/host';
import { AttackerOrder, AttackerReport } from '../lab/attacker-process';
import { attackNamed } from './all-attacks';
import { Ground, InputLog } from './ground';
import { sendAll } from './lane';

const REPORT_EVERY_MS = 200;

/** Runs the attack; `tell` is called regularly, and at the end, with a report of what was sent. */
export async function carryOut(
  order: AttackerOrder,
  host: Pick<Host, 'clock' | 'network'>,
  tell: (report: AttackerReport) => void,
): Promise<void> {
  const attack = attackNamed(order.attack);
  const log = new InputLog();
  const report = () =>
    tell({ inputs: log.inputs, outcomes: log.outcomes, suspects: log.suspects, slowest: log.slowest });
  const endMs = host.clock.monotonicMs() + order.forMs;
  const brokers = order.ports.map((port) => ({ host: '127.0.0.1', port }));
  const ground: Ground = {
    host,
    brokers,
    seed: order.seed,
    scale: 1,
    log,
    isOver: () => host.clock.monotonicMs() >= endMs,
  };
  let timer = host.clock.schedule(0, function again() {
    report();
    timer = host.clock.schedule(REPORT_EVERY_MS, again);
  });
  try {
    const { input } = attack;
    if (order.number === undefined) await attack.run(ground);
    else if (input === undefined)
      throw new Error(
        `${attack.name} is no list of inputs: run it with --only ${attack.name} --seed ${order.seed}`,
      );
    else {
      // It is not known for which broker the input was meant, so each broker gets it once.
      await sendAll(ground, {
        name: attack.name,
        input,
        only: order.number,
        count: brokers.length,
        lanes: brokers.length,
        patienceMs: 5000,
      });
    }
  } finally {
    timer.cancel();
    report();
  }
}
