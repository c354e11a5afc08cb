/** The lesson `isr-shrink`: acks=all means all that are in sync now, and min.insync.replicas bounds them. */
import { Command } from '../../shared/run';
import { brokersThatAre, followersOf, isrHas, nameOf, told } from './look';
import { AnyEvent, Break, LessonScript, Notes } from './script';

const producer = (
  name: string,
  acks: string,
  settings: Readonly<Record<string, string>>,
  atMs: number,
): Command => ({
  what: 'start-producer',
  producer: name,
  topic: 't',
  acks,
  isIdempotent: false,
  everyMs: 500,
  bytes: 0,
  settings,
  atMs,
});

/** Freezes a follower, another one each time. */
const freeze = (name: string): Break => ({
  kind: 'break',
  name,
  label: (state) => `freeze a follower: broker ${nameOf(followersOf(state)[0])}`,
  actions: (state) => {
    const broker = followersOf(state)[0];
    return broker === undefined ? undefined : [{ what: 'pause', broker }];
  },
  is: told('fault', { fault: 'SIGSTOP' }),
});

/** A record that was sent after a moment is acknowledged. */
const ackedSince = (who: string, moment: string) => (event: AnyEvent, notes: Notes) =>
  told('acked', { producer: who })(event, notes) && Number(event.sentMs) > notes[moment]!;

const ANSWERS = ['acknowledged', 'refused'] as const;

export const ISR_SHRINK: LessonScript = {
  name: 'isr-shrink',
  short: 'min.insync.replicas',
  hint: 'min.insync.replicas=2. p2 writes with acks=1, p3 with acks=all and without retries. First:',
  run: { settings: { 'replica.lag.time.max.ms': '1500', 'replica.fetch.wait.max.ms': '200' } },
  setup: [producer('p2', '1', {}, 3000), producer('p3', 'all', { retries: '0' }, 3000)],
  startMs: 5000,
  predictions: [
    {
      id: 'two',
      label: 'Two in sync, all',
      choices: ANSWERS,
      truth: ({ notes }) => ('two-acked' in notes ? 'acknowledged' : 'refused'),
    },
    {
      id: 'one',
      label: 'One in sync, all',
      choices: ANSWERS,
      truth: ({ notes }) => ('refused' in notes ? 'refused' : 'acknowledged'),
    },
    {
      id: 'acks-1',
      label: 'One in sync, acks=1',
      choices: ANSWERS,
      truth: ({ notes }) => ('one-acked' in notes ? 'acknowledged' : 'refused'),
    },
  ],
  steps: [
    freeze('first'),
    {
      kind: 'sight',
      name: 'two',
      label: 'it has not caught up for replica.lag.time.max.ms: the leader takes it out of the ISR',
      is: isrHas(2),
    },
    {
      kind: 'sight',
      name: 'two-acked',
      label: 'acks=all is acknowledged by the two that are left',
      is: ackedSince('p3', 'two'),
    },
    freeze('second'),
    { kind: 'sight', name: 'one', label: 'the leader is the whole ISR', is: isrHas(1) },
    {
      kind: 'sight',
      name: 'refused',
      label: 'p3 is refused before anything is written: NOT_ENOUGH_REPLICAS',
      is: told('send-failed', { producer: 'p3', error: 'NOT_ENOUGH_REPLICAS' }),
    },
    {
      kind: 'sight',
      name: 'one-acked',
      label: 'p2 is acknowledged: acks=1 does not ask for min.insync.replicas',
      is: ackedSince('p2', 'one'),
      after: ['one'],
    },
    {
      kind: 'break',
      name: 'wake',
      label: () => 'wake both',
      actions: (state) => {
        const frozen = brokersThatAre(state, 'paused');
        return frozen.length === 0 ? undefined : frozen.map((broker) => ({ what: 'resume', broker }));
      },
      is: told('fault', { fault: 'SIGCONT' }),
      after: ['refused', 'one-acked'],
    },
    {
      kind: 'sight',
      name: 'three',
      label: 'they catch up with the log end of the leader, and join the ISR again',
      is: isrHas(3),
    },
    { kind: 'sight', name: 'again', label: 'p3 is acknowledged again', is: ackedSince('p3', 'three') },
  ],
};
