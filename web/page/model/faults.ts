/**
 * What can be done to a broker, as buttons, keys and menu show it: which action, its key, and why it is
 * impossible now. The worker has the last word; this only keeps a user from asking in vain.
 */
import { State } from '../../shared/state';
import { Action, brokerHost, BrokerAction, ZOOKEEPER } from '../../shared/run';

export interface Fault {
  readonly id: BrokerAction | 'cut-zookeeper' | 'heal-zookeeper';
  readonly label: string;
  /** One keystroke while the broker is selected. */
  readonly key: string;
  readonly icon: string;
  /** One line: what it does. */
  readonly doc: string;
  readonly action: Action;
  /** Why it is not possible now; null: it is. */
  readonly impossible: string | null;
}

type Draft = Omit<Fault, 'action' | 'impossible'> & {
  readonly wants: 'running' | 'alive' | 'paused' | 'dead' | 'any';
};

const FAULTS: readonly Draft[] = [
  {
    id: 'kill',
    label: 'Kill -9',
    key: 'k',
    icon: '✝',
    doc: 'The process ends at once, without a word.',
    wants: 'alive',
  },
  {
    id: 'pause',
    label: 'Pause',
    key: 'p',
    icon: '❚❚',
    doc: 'The process freezes, as in a long pause of its collector.',
    wants: 'running',
  },
  {
    id: 'resume',
    label: 'Resume',
    key: 'r',
    icon: '▶',
    doc: 'It goes on, not knowing that it was frozen.',
    wants: 'paused',
  },
  {
    id: 'cut-zookeeper',
    label: 'Cut from ZK',
    key: 'x',
    icon: '✂',
    doc: 'Nothing passes between it and ZooKeeper; it still reaches the other brokers.',
    wants: 'any',
  },
  {
    id: 'heal-zookeeper',
    label: 'Mend the link',
    key: 'x',
    icon: '∞',
    doc: 'What was sent passes again.',
    wants: 'any',
  },
  {
    id: 'expire-session',
    label: 'Expire session',
    key: 'e',
    icon: '◷',
    doc: 'ZooKeeper ends its session; the process lives.',
    wants: 'running',
  },
  {
    id: 'terminate',
    label: 'SIGTERM',
    key: 't',
    icon: '↓',
    doc: 'It hands over its leaders and closes its logs.',
    wants: 'running',
  },
  {
    id: 'power-cut',
    label: 'Power cut',
    key: 'o',
    icon: 'ϟ',
    doc: 'It dies, and what was not yet synced is lost.',
    wants: 'any',
  },
  {
    id: 'fill-disk',
    label: 'Disk full',
    key: 'f',
    icon: '▣',
    doc: 'Nothing more can be written to its disk.',
    wants: 'any',
  },
  {
    id: 'fail-disk',
    label: 'Disk fails',
    key: 'i',
    icon: '▨',
    doc: 'Every read and write of its disk ends in an error.',
    wants: 'any',
  },
  {
    id: 'mend-disk',
    label: 'Mend the disk',
    key: 'i',
    icon: '▤',
    doc: 'The disk works again; a broker that took it offline is started again.',
    wants: 'any',
  },
  {
    id: 'start',
    label: 'Start',
    key: 's',
    icon: '▲',
    doc: 'The process starts again with what is on its disk.',
    wants: 'dead',
  },
];

const NAMES = {
  running: 'It does not run.',
  alive: 'It is dead.',
  paused: 'It is not paused.',
  dead: 'It is not dead.',
};

function impossible(wants: Draft['wants'], status: string): string | null {
  const isRunning = status === 'up' || status === 'starting' || status === 'stopping';
  if (wants === 'any' || (wants === 'running' && isRunning) || (wants === 'alive' && status !== 'dead'))
    return null;
  if (wants === status) return null;
  return NAMES[wants];
}

function actionOf(id: Fault['id'], broker: number): Action {
  const link = { from: brokerHost(broker), to: ZOOKEEPER, isOneWay: false } as const;
  if (id === 'cut-zookeeper') return { what: 'cut-link', ...link };
  if (id === 'heal-zookeeper') return { what: 'heal-link', ...link };
  return { what: id, broker };
}

/** The longest delay of what is sent between the two, in ms; 0: the link is as fast as it ever is. */
export function slownessOf({ slow }: Pick<State, 'slow'>, a: string, b: string): number {
  return Math.max(slow[`${a}>${b}`]?.delayMs ?? 0, slow[`${b}>${a}`]?.delayMs ?? 0);
}

export function isCutFrom({ cuts }: Pick<State, 'cuts'>, a: string, b: string): boolean {
  return `${a}>${b}` in cuts || `${b}>${a}` in cuts;
}

/**
 * In the order of the buttons. Of a pair such as pause and resume only the one that fits is there. `cannot`:
 * what the source of the events never can do, and why.
 */
export function faultsOf(
  state: Pick<State, 'brokers' | 'cuts' | 'disks'>,
  broker: number,
  cannot: Readonly<Record<string, string>> = {},
): Fault[] {
  const status = state.brokers[broker]?.status ?? 'dead';
  const isCut = isCutFrom(state, brokerHost(broker), ZOOKEEPER);
  const hasFailed = (state.disks[broker]?.failure ?? null) !== null;
  const isShown = ({ id }: Draft) => {
    if (id === 'pause') return status !== 'paused';
    if (id === 'resume') return status === 'paused';
    if (id === 'fill-disk' || id === 'fail-disk') return !hasFailed;
    if (id === 'mend-disk') return hasFailed;
    if (id === 'cut-zookeeper') return !isCut;
    return id === 'heal-zookeeper' ? isCut : true;
  };
  return FAULTS.filter(isShown).map(({ wants, ...fault }) => {
    const action = actionOf(fault.id, broker);
    return { ...fault, action, impossible: cannot[action.what] ?? impossible(wants, status) };
  });
}
