/**
 * Combinations of faults. Each fault alone is harmless, and faults drawn one by one seldom form these
 * combinations.
 *
 *   isolation   a leader without links, so that all followers leave the ISR and return at once; meanwhile
 *               ZooKeeper is out of reach during the writes of the ISR, and so is a follower
 *   storm       leaders change every few hundred milliseconds, faster than records are written
 *   rolling     one broker after the other is restarted, cleanly or not, as in an upgrade
 */
import { drawFaults, Fault, FaultKind, FaultWindow } from './faults';
import { EventFault } from './event-faults';
import { Prng } from './prng';

export interface Recipe {
  readonly faults: readonly Fault[];
  readonly eventFaults: readonly EventFault[];
}

function isolation(random: Prng, window: FaultWindow): Recipe {
  const target = random.between(1, window.brokers);
  const follower = random.between(1, window.brokers);
  const lastsMs = 1800 + random.below(3000);
  const faults: Fault[] = [
    { atMs: window.fromMs + random.below(3000), kind: 'isolate', target, other: target, lastsMs },
  ];
  const at = (event: string, occurrence: number, kind: FaultKind, delays: readonly number[]): EventFault => ({
    event,
    occurrence,
    kind,
    shift: 0,
    other: follower,
    delayMs: random.pick(delays),
    lastsMs: 500 + random.below(3500),
  });
  const eventFaults: EventFault[] = [];
  for (let i = random.between(1, 3); i > 0; i--) {
    const occurrence = random.between(1, 4 + window.brokers);
    const first = random.pick<FaultKind>(['cut-zookeeper', 'cut-zookeeper', 'lose-reply', 'reset-zookeeper']);
    eventFaults.push(at('isr-write-started', occurrence, first, [0, 1, 2, 3]));
    const second = random.pick<FaultKind>(['cut-peers', 'cut-one-way', 'pause']);
    if (random.chance(0.7)) eventFaults.push(at('isr-write-started', occurrence, second, [1, 3, 10, 100]));
  }
  const end = random.pick<FaultKind>(['kill', 'expire-session', 'pause', 'cut-zookeeper']);
  eventFaults.push(
    at(random.pick(['isr-changed', 'isr-write-unknown']), random.between(1, 6), end, [0, 5, 50, 1000]),
  );
  return { faults, eventFaults };
}

function storm(random: Prng, window: FaultWindow): Recipe {
  const kinds: FaultKind[] = [
    'expire-session',
    'expire-session',
    'kill',
    'terminate',
    'cut-peers',
    'cut-one-way',
  ];
  let atMs = window.fromMs + random.below(2000);
  const faults = Array.from({ length: random.between(8, 16) }, (): Fault => {
    atMs += 100 + random.below(900);
    const target = random.between(1, window.brokers);
    const other = (target % window.brokers) + 1;
    return { atMs, kind: random.pick(kinds), target, other, lastsMs: random.pick([20, 100, 400, 1500]) };
  });
  return { faults, eventFaults: [] };
}

function rolling(random: Prng, window: FaultWindow): Recipe {
  const faults: Fault[] = [];
  let atMs = window.fromMs + random.below(1000);
  for (let round = 0; round < 2; round++) {
    for (let target = 1; target <= window.brokers; target++) {
      faults.push({
        atMs,
        kind: random.pick(['terminate', 'terminate', 'kill']),
        target,
        other: target,
        lastsMs: 300 + random.below(700),
      });
      atMs += random.pick([300, 1200, 2500]);
    }
  }
  return {
    faults: [...faults, ...drawFaults(random, ['cut-peers', 'pause'], window).slice(0, 2)],
    eventFaults: [],
  };
}

export function drawRecipe(random: Prng, window: FaultWindow): Recipe {
  return random.pick([isolation, isolation, storm, rolling])(random, window);
}
