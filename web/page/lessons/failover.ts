/** The lesson `failover`: the leader dies, the controller elects another, and nothing is lost. */
import { State } from '../../shared/state';
import { Incident } from '../model/incidents';
import { brokerViews } from '../model/broker-view';
import { LessonScript, Seeing } from './script';

function leaderOf(state: State): number | undefined {
  return brokerViews(state).find(
    ({ status, rows }) => status === 'up' && rows.some(({ isLeader }) => isLeader),
  )?.id;
}

function controllerOf(state: State): number | undefined {
  return Object.values(state.brokers).find(({ isController, status }) => isController && status === 'up')
    ?.broker;
}

/** The first time that a broker which led something was taken away. */
function failover({ chronicle: { incidents } }: Seeing): Incident | undefined {
  return incidents.find(({ moved }) => Object.keys(moved).length > 0) ?? incidents.at(-1);
}

const counted = (count: number) => (count === 0 ? 'none' : count < 10 ? 'a few' : 'many');

export const FAILOVER: LessonScript = {
  name: 'failover',
  short: 'death of a leader',
  predictions: [
    {
      id: 'lost',
      label: 'Lost',
      choices: ['none', 'a few', 'many'],
      truth: ({ state }) => counted(state.verdict?.lost ?? 0),
    },
    {
      id: 'duplicated',
      label: 'Duplicated',
      choices: ['none', 'a few', 'many'],
      truth: ({ state }) => counted(state.verdict?.duplicated ?? 0),
    },
  ],
  breaks: [
    {
      label: (state) => `kill -9 the leader: broker ${leaderOf(state) ?? '–'}`,
      action: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : { what: 'kill', broker };
      },
    },
    {
      label: (state) => `then the controller: broker ${controllerOf(state) ?? '–'}`,
      action: (state) => {
        const broker = controllerOf(state);
        const isDone = Object.values(state.brokers).some(({ status }) => status === 'dead');
        return broker === undefined || !isDone ? undefined : { what: 'kill', broker };
      },
    },
  ],
  sights: [
    {
      label: 'detect: its ZooKeeper session times out, the controller knows',
      seenMs: (seeing) => failover(seeing)?.detectedMs ?? null,
    },
    {
      label: 'elect: the next in-sync replica, with the next leader epoch',
      seenMs: (seeing) => failover(seeing)?.electedMs ?? null,
    },
    {
      label: 'propagate: the new leader is told',
      seenMs: (seeing) => failover(seeing)?.propagatedMs ?? null,
    },
    {
      label: 'client recovers: a record is acknowledged again',
      seenMs: (seeing) => failover(seeing)?.recoveredMs ?? null,
    },
  ],
};

/** When the fault of this lesson happened; null: not yet. */
export function brokenMs(seeing: Seeing): number | null {
  return failover(seeing)?.atMs ?? null;
}
