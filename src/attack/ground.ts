/**
 * The environment of an attack: the brokers' addresses, the attacker's host, the scale, and the end.
 *
 * It does not depend on real brokers or a real host. So each attack is also tested on a simulated cluster,
 * where its outcome is deterministic.
 */
import { HostPort } from '../common/cluster-types';
import { Clock, Connection, Host } from '../common/host';
import { Prng } from '../simulation/prng';
import { HostileRequest } from './hostile-requests';

/** The outcome of an input: a response, a closed connection, no response in time, or no connection at all. */
export type InputOutcome = 'answered' | 'closed' | 'silent' | 'refused';

export interface NotedInput {
  /** In the form ATTACK:SEED:NUMBER */
  readonly id: string;
  readonly what: string;
  readonly outcome: InputOutcome;
  readonly broker: HostPort;
  readonly tookMs: number;
}

/** Counts the inputs that were sent, and keeps the last ones and the slowest ones. */
export class InputLog {
  readonly outcomes: Record<InputOutcome, number> = { answered: 0, closed: 0, silent: 0, refused: 0 };
  inputs = 0;
  private readonly last: string[] = [];
  private readonly longest: { readonly text: string; readonly tookMs: number }[] = [];

  /** Records an input: its id for --replay, a description, its outcome and its duration. */
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

  /** Counts inputs that are not single requests, such as connections. */
  count(outcome: InputOutcome, inputs = 1): void {
    this.inputs += inputs;
    this.outcomes[outcome] += inputs;
  }

  /** The latest inputs without a response. */
  get suspects(): readonly string[] {
    return this.last;
  }

  /** The slowest inputs. Others may have waited for the first of them. */
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
  /** 1: full strength; less where memory is scarce, as in a simulated cluster. */
  readonly scale: number;
  readonly log: InputLog;
  /** True if the time is over, or the attack was stopped. */
  isOver(): boolean;
}

/** A row of the table of attacks. */
export interface Attack {
  readonly name: string;
  /** What the attack sends, in one sentence for the table. */
  readonly sends: string;
  /** The expected outcome: the limit that protects the broker. */
  readonly expected: string;
  /** The input with this number, for --replay. Undefined for attacks that are not a list of inputs. */
  readonly input?: (seed: string, number: number) => HostileRequest;
  /** Attacks until `isOver`, and closes all its connections. */
  run(ground: Ground): Promise<void>;
}

/** Scales `count` for this ground; at least `least`. */
export function scaled({ scale }: Ground, count: number, least = 1): number {
  return Math.max(least, Math.ceil(count * scale));
}

export function randomOf({ seed }: Ground, name: string): Prng {
  return new Prng(`${seed}/${name}`);
}

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

/** Opens a connection; undefined if the broker does not accept it. */
export async function dial({ host }: Ground, broker: HostPort): Promise<Connection | undefined> {
  try {
    return await host.network.dial(broker.host, broker.port, DIAL_MS);
  } catch {
    return undefined;
  }
}

const DIAL_MS = 5000;
