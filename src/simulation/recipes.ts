/**
 * Faults that belong together: alone each is harmless, and a draw of single faults seldom puts them side by side.
 *
 *   isolation   a leader alone, so that the whole ISR leaves and comes back at once, and replies of the ISR's writes
 *               are lost while it does
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
  const atMs = window.fromMs + random.below(4000);
  const lastsMs = 2500 + random.below(3000);
  const faults: Fault[] = [{ atMs, kind: 'isolate', target, other: target, lastsMs }];
  const eventFaults = Array.from({ length: random.between(2, 5) }, (): EventFault => ({
    event: random.pick(['isr-write-started', 'isr-write-started', 'isr-write-unknown']),
    occurrence: random.between(1, 2 + window.brokers),
    kind: random.pick(['lose-reply', 'lose-reply', 'reset-zookeeper']),
    shift: 0, other: random.between(1, window.brokers), delayMs: random.pick([0, 0, 1]), lastsMs: 100,
  }));
  const follower = random.between(1, window.brokers);
  const cut: EventFault = {
    event: 'isr-write-unknown', occurrence: random.between(1, 2),
    kind: random.pick(['cut-one-way', 'cut-peers', 'pause']),
    shift: random.pick([0, 1, 2]), other: follower, delayMs: random.pick([0, 0, 1, 3]),
    lastsMs: 500 + random.below(3000),
  };
  const end: EventFault = {
    event: 'isr-changed', occurrence: random.between(2, 8),
    kind: random.pick(['kill', 'kill', 'expire-session', 'pause']),
    shift: 0, other: follower, delayMs: random.pick([0, 5, 50, 300]), lastsMs: 3000 + random.below(4000),
  };
  return { faults, eventFaults: [...eventFaults, cut, end] };
}

function storm(random: Prng, window: FaultWindow): Recipe {
  const kinds: FaultKind[] = [
    'expire-session', 'expire-session', 'kill', 'terminate', 'cut-peers', 'cut-one-way',
  ];
  let atMs = window.fromMs + random.below(2000);
  const faults = Array.from({ length: random.between(8, 16) }, (): Fault => {
    atMs += 100 + random.below(900);
    const target = random.between(1, window.brokers);
    const other = target % window.brokers + 1;
    return { atMs, kind: random.pick(kinds), target, other, lastsMs: random.pick([20, 100, 400, 1500]) };
  });
  return { faults, eventFaults: [] };
}

function rolling(random: Prng, window: FaultWindow): Recipe {
  const faults: Fault[] = [];
  let atMs = window.fromMs + random.below(1000);
  for (let round = 0; round < 2; round++) {
    for (let target = 1; target <= window.brokers; target++) {
      faults.push(
        {
          atMs, kind: random.pick(['terminate', 'terminate', 'kill']), target, other: target,
          lastsMs: 300 + random.below(700),
        },
      );
      atMs += random.pick([300, 1200, 2500]);
    }
  }
  return {
    faults: [...faults, ...drawFaults(random, ['cut-peers', 'pause'], window).slice(0, 2)], eventFaults: [],
  };
}

export function drawRecipe(random: Prng, window: FaultWindow): Recipe {
  return random.pick([isolation, isolation, storm, rolling])(random, window);
}
