/** How the exercises about brokers are solved, and what comes near and is no solution. */
import { ZOOKEEPER } from '../../../web/shared/run';
import { ExercisePlayer, Solution } from './exercise-player';

const others = (broker: number): string[] =>
  [1, 2, 3].filter((one) => one !== broker).map((one) => `broker-${one}`);

async function electAgain(player: ExercisePlayer): Promise<void> {
  const before = player.controller;
  await player.to('expire-session', before);
  await player.until('a controller', () => player.controller !== undefined);
  await player.until('its return', () => player.isr.length === 3);
  await player.wait(3000);
}

export const BROKER_SOLUTIONS: Readonly<Record<string, Solution>> = {
  'isr-to-one': {
    async solve(player) {
      const { followers } = player;
      await player.to('pause', ...followers);
      await player.untilIsr(1);
      await player.to('resume', ...followers);
      await player.untilDone();
    },
    misses: [
      {
        title: 'one follower alone leaves two in sync',
        async play(player) {
          await player.to('kill', player.followers[0]!);
          await player.untilIsr(2);
          await player.wait(10_000);
        },
        why: /The ISR of t-0 is \d and \d\./,
      },
      {
        title: 'to one, and never back',
        async play(player) {
          await player.to('kill', ...player.followers);
          await player.untilIsr(1);
          await player.wait(5000);
        },
        why: /The ISR of t-0 is \d\./,
      },
    ],
  },
  'acks-all-waits': {
    async solve(player) {
      await player.to('kill', ...player.followers);
      await player.untilDone();
    },
    misses: [
      {
        title: 'with one follower left acks=all goes on',
        async play(player) {
          await player.to('kill', player.followers[0]!);
          await player.wait(30_000);
        },
        why: /acknowledged.* The ISR of t-0 is \d and \d\./,
      },
      {
        title: 'without a leader nobody waits for acks=all',
        async play(player) {
          await player.to('kill', 1, 2, 3);
          await player.wait(40_000);
        },
        why: /p1 waits for a leader, not for acks=all/,
      },
      {
        title: 'a cut link is no acks=all',
        async play(player) {
          const { host } = player.state.producers.p1!;
          await player.cut(host, ['broker-1', 'broker-2', 'broker-3']);
          await player.wait(40_000);
        },
        why: /The link between p1 and the leader is cut/,
      },
    ],
  },
  'no-one-waits': {
    async solve(player) {
      await player.to('terminate', player.leader);
      await player.untilDone();
    },
    misses: [
      {
        title: 'kill -9 makes p1 wait for the end of the session',
        async play(player) {
          await player.to('kill', player.leader);
          await player.wait(15_000);
        },
        why: /p1 waited for \d+\.\d s/,
      },
    ],
  },
  'preferred-back': {
    async solve(player) {
      await player.to('kill', 1);
      await player.untilDone('failover');
      await player.to('start', 1);
      await player.untilIsr(3);
      await player.press('preferred election for t-0');
      await player.untilDone();
    },
    misses: [
      {
        title: 'broker 1 cannot be elected before it is in the ISR',
        async play(player) {
          await player.to('kill', 1);
          await player.untilDone('failover');
          await player.press('preferred election for t-0');
          await player.wait(3000);
          await player.to('start', 1);
          await player.untilIsr(3);
          await player.wait(5000);
        },
        why: /broker 1 is in the ISR: it may be elected/,
      },
    ],
  },
  'three-controllers': {
    async solve(player) {
      for (let i = 0; i < 3; i++) await electAgain(player);
      await player.untilDone();
    },
    misses: [
      {
        title: 'who is not the controller may die without an election',
        async play(player) {
          await electAgain(player);
          const plain = [1, 2, 3].find((one) => one !== player.controller)!;
          await player.to('expire-session', plain);
          await player.wait(10_000);
        },
        why: /^1 of 3 elections/,
      },
    ],
  },
  'zookeeper-unnoticed': {
    async solve(player) {
      await player.act({ what: 'zookeeper-down' });
      await player.wait(16_000);
      await player.act({ what: 'zookeeper-up' });
      await player.untilDone();
    },
    misses: [
      {
        title: 'a dead leader is missed at once',
        async play(player) {
          await player.act({ what: 'zookeeper-down' });
          await player.to('kill', player.leader);
          await player.wait(16_000);
          await player.act({ what: 'zookeeper-up' });
          await player.wait(20_000);
        },
        why: /only\.|p1 waited for/,
      },
      {
        title: 'ten seconds are not fifteen',
        async play(player) {
          await player.act({ what: 'zookeeper-down' });
          await player.wait(10_000);
          await player.act({ what: 'zookeeper-up' });
          await player.wait(12_000);
        },
        why: /It was down for 10\.0 s only/,
      },
    ],
  },
  'two-leaders': {
    async solve(player) {
      await player.cut(`broker-${player.leader}`, [ZOOKEEPER]);
      await player.untilDone('two');
      await player.heal();
      await player.untilDone();
    },
    misses: [
      {
        title: 'a leader that sleeps is none that runs',
        async play(player) {
          await player.to('pause', player.leader);
          await player.wait(15_000);
        },
        why: /Only broker \d runs and believes to lead t-0/,
      },
      {
        title: 'a dead leader believes nothing',
        async play(player) {
          await player.to('kill', player.leader);
          await player.wait(15_000);
        },
        why: /Only broker \d runs/,
      },
    ],
  },
  'follower-truncates': {
    async solve(player) {
      const { leader } = player;
      await player.cut(`broker-${leader}`, [...others(leader), ZOOKEEPER]);
      await player.until('another leader', () => player.leader !== leader);
      await player.heal();
      await player.untilDone();
    },
    misses: [
      {
        title: 'a leader whose followers have everything has nothing to throw away',
        async play(player) {
          const { leader } = player;
          await player.wait(250);
          await player.to('terminate', leader);
          await player.wait(8000);
          await player.to('start', leader);
          await player.untilIsr(3);
        },
        why: /No replica has truncated/,
      },
    ],
  },
};
