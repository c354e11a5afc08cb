/**
 * What can be done to the processes of a real cluster. Where the lab started them it can do everything that
 * the operating system lets it do; where it only joined a cluster it may be able to do nothing.
 */
import { BrokerAction } from '../../shared/run';
import { BrokerFiles } from './observer';

/** Why it is impossible; undefined: it is done, or under way. */
export type Refusal = string | undefined;

export interface Processes {
  /** By name of an action, why it never can be done here. */
  readonly cannot: Readonly<Record<string, string>>;
  filesOf(broker: number): BrokerFiles | undefined;
  toBroker(what: BrokerAction, id: number): Promise<Refusal>;
  /** Settings for the broker's next start. */
  setBroker(id: number, name: string, value: string): Refusal;
  setZooKeeperDown(isDown: boolean): Promise<Refusal>;
  cut(from: string, to: string, isOneWay: boolean): Refusal;
  heal(from: string, to: string): Refusal;
  healAll(): Refusal;
  /** Ends what it started, and nothing else. */
  stop(): Promise<void>;
}

const DISK = 'The disk of a real process is the machine’s own; the virtual cluster has disks that fail.';

/** What no real process can be made to do from outside. */
export const NEVER: Readonly<Record<string, string>> = {
  'power-cut':
    'What a process has written is safe with the operating system; only the virtual cluster can lose power.',
  'fill-disk': DISK,
  'fail-disk': DISK,
  'mend-disk': DISK,
};
