/**
 * Where an attack takes place: the brokers' addresses, a host to attack from, how much, and for how long.
 *
 * It takes no notice of whether brokers and host are real, so each attack is also tried on a simulated
 * cluster, where its outcome is exact.
 */
import { HostPort } from '../common/cluster-types';
import { Clock, Connection, Host } from '../common/host';
import { Prng } from '../simulation/prng';
import { HostileRequest } from './hostile-requests';

/** What became of an input: an answer, the end of its connection, or nothing in time. */
export type InputOutcome = 'answered' | 'closed' | 'silent' | 'refused';

export interface NotedInput {
  /** ATTACK:SEED:NUMBER */
  readonly id: string;
  readonly what: string;
  readonly outcome: InputOutcome;
  readonly broker: HostPort;
  readonly tookMs: number;
}

/** Counts what was sent, and remembers what was sent last and what took longest. */
export class InputLog {
  readonly outcomes: Record<InputOutcome, number> = { answered: 0, closed: 0, silent: 0, refused: 0 };
  inputs = 0;
  private readonly last: string[] = [];
  private readonly longest: { readonly text: string; readonly tookMs: number }[] = [];

  /** An input as it is given to --replay, what it was, and what became of it after so long. */
  note({ id, what, outcome, broker, tookMs }: NotedInput): void {
    this.inputs++;
    this.outcomes[outcome]++;
    const text = `${id}  (${what}; ${outcome} after ${tookMs.toFixed(0)} ms, port ${broker.port})`;
    if (outcome === 'answered' || outcome === 'closed') this.compare(text, tookMs);
    if (outcome === 'answered') return;
    this.last.push(text);
    if (this.last.length > REMEMBERED) this.last.shift();
  }

  private compare(text: string, tookMs: number): void {
    const least = this.longest.at(-1);
    if (this.longest.length === REMEMBERED_LONGEST && least !== undefined && least.tookMs >= tookMs) return;
    this.longest.push({ text, tookMs });
    this.longest.sort((a, b) => b.tookMs - a.tookMs);
    this.longest.splice(REMEMBERED_LONGEST);
  }

  /** Inputs that are no requests of their own, such as connections. */
  count(outcome: InputOutcome, inputs = 1): void {
    this.inputs += inputs;
    this.outcomes[outcome] += inputs;
  }

  /** The latest inputs that got no answer. */
  get suspects(): readonly string[] {
    return this.last;
  }

  /** Inputs that took longest, the first of which others may have waited for. */
  get slowest(): readonly string[] {
    return this.longest.map(({ text }) => text);
  }
}

const REMEMBERED = 40;
const REMEMBERED_LONGEST = 5;

export interface Ground {
  readonly host: Pick<Host, 'clock' | 'network'>;
  readonly brokers: readonly HostPort[];
  readonly seed: string;
  /** 1: as much as the attack can; less where memory is dear, as in a simulated cluster. */
  readonly scale: number;
  readonly log: InputLog;
  /** Time is up, or somebody gave up. */
  isOver(): boolean;
}

/** A row of the table of attacks. */
export interface Attack {
  readonly name: string;
  /** What it sends, in a sentence for the table. */
  readonly sends: string;
  /** What is to become of it: the bound that holds. */
  readonly expected: string;
  /** The input of this number, for --replay; attacks that are more than a list of inputs have none. */
  readonly input?: (seed: string, number: number) => HostileRequest;
  /** Attacks until it is over, and leaves no connection behind. */
  run(ground: Ground): Promise<void>;
}

/** `count` of the whole attack, at this ground's scale; at least `least`. */
export function scaled({ scale }: Ground, count: number, least = 1): number {
  return Math.max(least, Math.ceil(count * scale));
}

export function randomOf({ seed }: Ground, name: string): Prng {
  return new Prng(`${seed}/${name}`);
}

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

/** A connection that was made, or undefined where the broker makes none. */
export async function dial({ host }: Ground, broker: HostPort): Promise<Connection | undefined> {
  try {
    return await host.network.dial(broker.host, broker.port, DIAL_MS);
  } catch {
    return undefined;
  }
}

const DIAL_MS = 5000;
