/**
 * The search: thousands of short walks, most of which extend a prefix that reached a new state.
 *
 * Plain random walks reach the same few states again and again. So the search remembers the abstract states
 * and combinations of waypoints that were reached. It later extends the prefix that reached one first; a
 * prefix that was often extended is chosen less often. The search is deterministic: the same seed and number
 * of walks give the same walks.
 */
import { RawConfig } from '../../common/config-def';
import { Prng } from '../prng';
import { Alphabet, Outcome, SeededSetup, Visit } from './alphabet';
import { WalkStep } from './step-rules';

interface Prefix<S, T> {
  readonly setup: S;
  readonly steps: readonly T[];
  timesExtended: number;
}

/** The prefixes that ended in one combination of waypoints. */
interface Place<S, T> {
  readonly prefixes: Prefix<S, T>[];
  timesExtended: number;
}

const MAX_STEPS = 16;
const DRAWN_STEPS = [1, 2, 2, 3, 4, 6];
const FRESH_DRAWN_STEPS = 6;
const EXTEND_CHANCE = 0.9;
const OPENING_CHANCE = 0.35;
const OPENING_DRAWN_STEPS = [1, 2, 3, 4, 4, 6];
/**
 * The probability that a prefix is chosen for its combination of waypoints, and not only for its new state.
 */
const PLACE_CHANCE = 0.7;
const PREFIXES_PER_PLACE = 30;
const PLACES_COMPARED = 4;
const PREFIXES_COMPARED = 3;
const HASTE = [0.1, 0.35, 0.75];
const CORPUS_LIMIT = 20000;

export interface Coverage {
  readonly walks: number;
  readonly states: number;
  readonly combinations: number;
  readonly prefixes: number;
  readonly acked: number;
  /** The number of walks that passed each waypoint. */
  readonly waypoints: Readonly<Record<string, number>>;
}

export class Explorer<S extends SeededSetup, T extends WalkStep> {
  private readonly random: Prng;
  private readonly states = new Set<string>();
  /** By combination of waypoints, in the order in which they were first reached. */
  private readonly places = new Map<string, Place<S, T>>();
  private readonly placeList: Place<S, T>[] = [];
  private readonly corpus: Prefix<S, T>[] = [];
  private readonly passed: number[];
  private walks = 0;
  private acked = 0;

  constructor(
    private readonly alphabet: Alphabet<S, T>,
    private readonly seed: string,
    private readonly settings: RawConfig = {},
  ) {
    this.passed = alphabet.waypoints.map(() => 0);
    this.random = new Prng(`${seed}/explorer`);
  }

  /** Runs the next walk and updates the search with its states. */
  async next(): Promise<Outcome<S, T>> {
    const number = this.walks++;
    const random = this.random.split(String(number));
    const { setup, steps, wanted } = this.beginning(random, `${this.seed}.${number}`);
    const drawn = Math.max(1, Math.min(wanted, MAX_STEPS - steps.length));
    const outcome = await this.alphabet.run({
      setup,
      prefix: steps,
      drawn,
      haste: random.pick(HASTE),
      random,
    });
    this.learn(outcome);
    return outcome;
  }

  /** The first steps, and the number of drawn steps after them. */
  private beginning(random: Prng, seed: string): { setup: S; steps: readonly T[]; wanted: number } {
    const { openings } = this.alphabet;
    if (openings.length > 0 && random.chance(OPENING_CHANCE)) {
      const { setup, steps } = random.pick(openings);
      return { setup: this.setupOf(setup, seed), steps, wanted: random.pick(OPENING_DRAWN_STEPS) };
    }
    const prefix = this.corpus.length > 0 && random.chance(EXTEND_CHANCE) ? this.pick(random) : undefined;
    if (prefix) return { setup: prefix.setup, steps: prefix.steps, wanted: random.pick(DRAWN_STEPS) };
    const setup = this.setupOf(this.alphabet.drawSetup(random), seed);
    return { setup, steps: [], wanted: FRESH_DRAWN_STEPS };
  }

  private setupOf(setup: Omit<S, keyof SeededSetup>, seed: string): S {
    return { ...setup, seed, settings: this.settings } as S;
  }

  /**
   * Chooses a prefix: of a rare combination of waypoints, or one with a new state. Of some random ones the
   * one that was extended least.
   */
  private pick(random: Prng): Prefix<S, T> {
    const place = random.chance(PLACE_CHANCE)
      ? leastExtended(this.placeList, PLACES_COMPARED, random)
      : undefined;
    if (place) place.timesExtended++;
    const prefix = leastExtended(place?.prefixes ?? this.corpus, PREFIXES_COMPARED, random);
    prefix.timesExtended++;
    return prefix;
  }

  private learn({ setup, steps, visits, acked }: Outcome<S, T>): void {
    this.acked += acked;
    const passed = new Set<number>();
    visits.forEach((visit, i) => {
      [...visit.waypoints].forEach((mark, n) => {
        if (mark === '1') passed.add(n);
      });
      if (i + 1 < MAX_STEPS) this.keep(visit, { setup, steps: steps.slice(0, i + 1), timesExtended: 0 });
    });
    for (const n of passed) this.passed[n]!++;
  }

  /** Keeps a prefix if its state is new, or if it is the first one with its combination of waypoints. */
  private keep({ state, waypoints: combination }: Visit, prefix: Prefix<S, T>): void {
    const isNewState = !this.states.has(state);
    this.states.add(state);
    const place = this.placeOf(combination);
    if (!isNewState && place.prefixes.length > 0) return;
    put(place.prefixes, prefix, PREFIXES_PER_PLACE, this.random);
    put(this.corpus, prefix, CORPUS_LIMIT, this.random);
  }

  private placeOf(combination: string): Place<S, T> {
    const known = this.places.get(combination);
    if (known) return known;
    const place: Place<S, T> = { prefixes: [], timesExtended: 0 };
    this.places.set(combination, place);
    this.placeList.push(place);
    return place;
  }

  get coverage(): Coverage {
    const { walks, acked } = this;
    const counts = Object.fromEntries(this.alphabet.waypoints.map((name, n) => [name, this.passed[n]!]));
    return {
      walks,
      acked,
      states: this.states.size,
      combinations: this.places.size,
      prefixes: this.corpus.length,
      waypoints: counts,
    };
  }
}

function leastExtended<T extends { readonly timesExtended: number }>(
  items: readonly T[],
  compared: number,
  random: Prng,
): T {
  const drawn = Array.from({ length: compared }, () => random.pick(items));
  return drawn.reduce((least, item) => (item.timesExtended < least.timesExtended ? item : least));
}

/** Appends the item, or replaces a random one if there are `limit` items. */
function put<T>(items: T[], item: T, limit: number, random: Prng): void {
  if (items.length < limit) items.push(item);
  else items[random.below(limit)] = item;
}
