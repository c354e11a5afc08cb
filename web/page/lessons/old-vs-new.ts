/** The lesson `old-vs-new`: a member joins a group in ZooKeeper, and one that has a coordinator. */
import { Action, Command } from '../../shared/run';
import { asked, told } from './look';
import { LessonScript, Seeing } from './script';

const member = (name: string, isOld: boolean) =>
  ({
    what: 'start-consumer',
    consumer: name,
    topic: 't',
    group: isOld ? 'old' : 'new',
    ...(isOld ? { era: '0.8' as const } : {}),
    settings: {},
  }) as const satisfies Action;

const SETUP: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [[1], [2], [3], [1], [2], [3]],
    settings: {},
    atMs: 2000,
  },
  ...['o1', 'o2'].map((name) => ({ ...member(name, true), atMs: 3500 })),
  ...['n1', 'n2'].map((name) => ({ ...member(name, false), atMs: 3500 })),
];

/** How often something happened since the third members came. */
const since = ({ state, notes }: Seeing, what: string): number =>
  state.happenings.filter((event) => event.what === what && event.atMs >= notes.join!).length;

const COUNTS = ['one', 'one each', 'more'] as const;
const counted = (count: number): string => (count <= 1 ? COUNTS[0] : count <= 3 ? COUNTS[1] : COUNTS[2]);

const FIRST = ['the old one', 'the new one'] as const;

export const OLD_VS_NEW: LessonScript = {
  name: 'old-vs-new',
  short: 'the herd of 0.8',
  hint: 'Nobody writes. The group of o1 and o2 is in ZooKeeper; n1 and n2 have a coordinator:',
  run: { scene: 'empty' },
  setup: SETUP,
  startMs: 12_000,
  predictions: [
    {
      id: 'old',
      label: 'Rebalances, old',
      choices: COUNTS,
      truth: (seeing) => counted(since(seeing, 'old-rebalance')),
    },
    {
      id: 'new',
      label: 'Rebalances, new',
      choices: COUNTS,
      truth: (seeing) => counted(since(seeing, 'generation-changed')),
    },
    {
      id: 'sooner',
      label: 'Sooner done',
      choices: FIRST,
      truth: ({ notes }) => (notes.owns! <= notes.assigned! ? FIRST[0] : FIRST[1]),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'join',
      label: () => 'start a third member in each group: o3 and n3',
      actions: ({ consumers }) => ('n3' in consumers ? undefined : [member('o3', true), member('n3', false)]),
      is: asked('start-consumer', { consumer: 'o3' }),
    },
    {
      kind: 'sight',
      name: 'ids',
      label: 'o3 makes its znode below /consumers/old/ids, which every member watches',
      is: ({ what, path, change }) =>
        what === 'znode' && change === 'created' && /^\/consumers\/old\/ids\/./.test(String(path)),
    },
    {
      kind: 'sight',
      name: 'released',
      label: 'each stops, releases its owner znodes, reads the whole group, and computes the same',
      is: ({ what, path, change }) =>
        what === 'znode' && change === 'deleted' && /^\/consumers\/old\/owners\/t\/./.test(String(path)),
      after: ['join'],
    },
    {
      kind: 'sight',
      name: 'owns',
      label: 'o3 has claimed its part: an owner znode exists once, so a partition has one owner',
      is: (event) =>
        told('consumer', { consumer: 'o3' })(event, {}) && (event.assigned as number[]).length > 0,
      after: ['ids'],
    },
    {
      kind: 'sight',
      name: 'rebalance',
      label: 'the other group: the coordinator waits until all have joined, with their next heartbeat',
      is: told('rebalance', { group: 'new' }),
      after: ['join'],
    },
    {
      kind: 'sight',
      name: 'generation',
      label: 'one generation for all; one member assigns',
      is: told('generation-changed', { group: 'new' }),
    },
    {
      kind: 'sight',
      name: 'assigned',
      label: 'n3 has its part',
      is: (event) =>
        told('assigned', { consumer: 'n3' })(event, {}) && (event.partitions as number[]).length > 0,
    },
  ],
};
