/**
 * The search: thousands of short walks, most of which go on from a prefix that reached a state nobody had reached.
 *
 * Plain random walks meet the same few states again and again. So the abstract states and combinations of waypoints
 * that were met are remembered, and the prefix that first met one is extended later; a prefix that was extended often
 * is drawn less. One explorer is deterministic: the same seed and number of walks are the same walks.
 */
import { Prng } from '../prng';
import { waypoints } from './abstract-state';
import { runWalk, Visit, WalkOutcome } from './walk';
import { WalkSetup } from './walk-cluster';
import { Step } from './walk-step';

interface Prefix {
  readonly setup: WalkSetup;
  readonly steps: readonly Step[];
  timesExtended: number;
  /** Higher for what met a new combination of waypoints. */
  readonly energy: number;
}

const MAX_STEPS = 14;
const DRAWN_STEPS = [3, 4, 6, 8];
const EXTEND_CHANCE = 0.75;
const HASTE = [0.1, 0.35, 0.75];
const CORPUS_LIMIT = 20000;
const ENERGY_OF_WAYPOINTS = 8;

const SETUPS: readonly Pick<WalkSetup, 'brokers' | 'replicas' | 'minIsr'>[] = [
  { brokers: 3, replicas: [1, 2, 3], minIsr: 2 },
  { brokers: 3, replicas: [2, 3, 1], minIsr: 2 },
  { brokers: 3, replicas: [1, 2, 3], minIsr: 1 },
  { brokers: 4, replicas: [1, 2, 3, 4], minIsr: 2 },
  { brokers: 4, replicas: [3, 1, 2], minIsr: 2 },
];

export interface Coverage {
  readonly walks: number;
  readonly states: number;
  readonly combinations: number;
  readonly prefixes: number;
  readonly acked: number;
  /** How many walks passed each waypoint. */
  readonly waypoints: Readonly<Record<string, number>>;
}

export class Explorer {
  private readonly random: Prng;
  private readonly states = new Set<string>();
  private readonly combinations = new Set<string>();
  private readonly corpus: Prefix[] = [];
  private readonly passed: number[] = Object.keys(waypoints).map(() => 0);
  private walks = 0;
  private acked = 0;

  constructor(private readonly seed: string, private readonly settings: WalkSetup['settings'] = {}) {
    this.random = new Prng(`${seed}/explorer`);
  }

  /** Runs the next walk and learns from it. */
  async next(): Promise<WalkOutcome> {
    const number = this.walks++;
    const random = this.random.split(String(number));
    const prefix = this.corpus.length > 0 && random.chance(EXTEND_CHANCE) ? this.pick(random) : undefined;
    const setup = prefix?.setup ?? { ...random.pick(SETUPS), seed: `${this.seed}.${number}`, settings: this.settings };
    const steps = prefix?.steps ?? [];
    const drawn = Math.max(1, Math.min(random.pick(DRAWN_STEPS), MAX_STEPS - steps.length));
    const outcome = await runWalk({ setup, prefix: steps, drawn, haste: random.pick(HASTE), random });
    this.learn(outcome);
    return outcome;
  }

  /** Of three at random the one with most energy left. */
  private pick(random: Prng): Prefix {
    const left = ({ energy, timesExtended }: Prefix) => energy / (1 + timesExtended);
    const candidates = [random.pick(this.corpus), random.pick(this.corpus), random.pick(this.corpus)];
    const best = candidates.reduce((a, b) => (left(b) > left(a) ? b : a));
    best.timesExtended++;
    return best;
  }

  private learn({ setup, steps, visits, acked }: WalkOutcome): void {
    this.acked += acked;
    const passed = new Set<number>();
    visits.forEach((visit, i) => {
      [...visit.waypoints].forEach((mark, n) => { if (mark === '1') passed.add(n); });
      const energy = this.energyOf(visit);
      if (energy > 0 && i + 1 < MAX_STEPS) this.keep({ setup, steps: steps.slice(0, i + 1), timesExtended: 0, energy });
    });
    for (const n of passed) this.passed[n]!++;
  }

  private energyOf({ state, waypoints: combination }: Visit): number {
    const isNewState = !this.states.has(state);
    const isNewCombination = !this.combinations.has(combination);
    this.states.add(state);
    this.combinations.add(combination);
    return (isNewState ? 1 : 0) + (isNewCombination ? ENERGY_OF_WAYPOINTS : 0);
  }

  private keep(prefix: Prefix): void {
    if (this.corpus.length < CORPUS_LIMIT) this.corpus.push(prefix);
    else this.corpus[this.random.below(CORPUS_LIMIT)] = prefix;
  }

  get coverage(): Coverage {
    const { walks, acked } = this;
    const counts = Object.fromEntries(Object.keys(waypoints).map((name, n) => [name, this.passed[n]!]));
    return {
      walks, acked, states: this.states.size, combinations: this.combinations.size, prefixes: this.corpus.length,
      waypoints: counts,
    };
  }
}
