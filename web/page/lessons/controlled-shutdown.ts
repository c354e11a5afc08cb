/** The lesson `controlled-shutdown`: a leader that is asked to stop hands over before it goes. */
import { between, leaderOf, nameOf, struck, told, toldOfT } from './look';
import { LessonScript } from './script';

export const CONTROLLED_SHUTDOWN: LessonScript = {
  name: 'controlled-shutdown',
  short: 'controlled shutdown',
  hint: 'p1 writes with acks=all. Compare with the death of a leader:',
  predictions: [
    {
      id: 'errors',
      label: 'Errors of p1',
      choices: ['none', 'some'],
      truth: ({ state }) => {
        const { failed = 0, unknown = 0 } = state.producers.p1 ?? {};
        return failed + unknown === 0 ? 'none' : 'some';
      },
    },
    {
      id: 'gap',
      label: 'The gap',
      choices: ['under two seconds', 'the session timeout, 6 s'],
      truth: ({ notes }) =>
        between(notes, 'term', 'acked') < 2000 ? 'under two seconds' : 'the session timeout, 6 s',
    },
    {
      id: 'lost',
      label: 'Lost',
      choices: ['none', 'some'],
      truth: ({ state }) => ((state.verdict?.lost ?? 0) === 0 ? 'none' : 'some'),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'term',
      label: (state) => `SIGTERM to the leader: broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : [{ what: 'terminate', broker }];
      },
      is: struck('leader', 'SIGTERM'),
      keep: ({ leader }) => ({ old: leader! }),
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'it asks the controller, which elects another of the ISR while the old leader still lives',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
    },
    {
      kind: 'sight',
      name: 'moved',
      label: 'the answer: it leads nothing any more',
      is: (event, { old }) => told('controlled-shutdown', { broker: old })(event, {}),
    },
    {
      kind: 'sight',
      name: 'propagate',
      label: 'the new leader is told',
      is: toldOfT('became-leader'),
      after: ['elected'],
    },
    {
      kind: 'sight',
      name: 'acked',
      label: 'the producer finds the new leader, and goes on',
      is: told('acked', { producer: 'p1' }),
    },
    {
      kind: 'sight',
      name: 'stopped',
      label: 'only then the old leader closes its logs and ends',
      is: (event, { old }) => told('broker-stopped', { broker: old })(event, {}),
      after: ['moved'],
    },
  ],
};
