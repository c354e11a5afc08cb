/** How the exercises about settings and clients are solved, and what comes near and is no solution. */
import { ExercisePlayer, Solution } from './exercise-player';

const UNCLEAN = 'unclean.leader.election.enable';

/** The follower dies, the leader goes on alone and dies, the stale one leads. */
async function lose(player: ExercisePlayer): Promise<void> {
  const { leader } = player;
  const follower = leader === 1 ? 2 : 1;
  await player.to('kill', follower);
  await player.untilIsr(1);
  await player.wait(2000);
  await player.to('kill', leader);
  await player.to('start', follower);
  await player.wait(9000);
  await player.to('start', leader);
}

async function loseAndMend(player: ExercisePlayer): Promise<void> {
  await lose(player);
  await player.untilDone('whole');
}

/** The leader writes, and its answers to the producers are lost for 11 s. */
async function loseAnswers(player: ExercisePlayer): Promise<void> {
  const hosts = Object.values(player.state.producers).map(({ host }) => host);
  await player.cut(`broker-${player.leader}`, hosts, true);
  await player.wait(11_000);
  await player.heal();
}

export const CLIENT_SOLUTIONS: Readonly<Record<string, Solution>> = {
  'lost-then-harmless': {
    async solve(player) {
      await loseAndMend(player);
      await player.setTopic(UNCLEAN, 'false');
      await player.wait(2000);
      await lose(player);
      await player.untilDone();
    },
    misses: [
      {
        title: 'a setting that has nothing to do with it',
        async play(player) {
          await loseAndMend(player);
          await player.setTopic('flush.messages', '100');
          await player.wait(2000);
          await lose(player);
          await player.wait(10_000);
        },
        why: /more were lost: that was not the setting/,
      },
      {
        title: 'other faults than those that lost it',
        async play(player) {
          await loseAndMend(player);
          await player.setTopic(UNCLEAN, 'false');
          await player.wait(2000);
          await player.to('kill', player.leader);
          await player.wait(12_000);
        },
        why: /Not yet again: kill .*follower|Not yet again: kill the leader, ISR of 1/,
      },
      {
        title: 'two settings at once',
        async play(player) {
          await loseAndMend(player);
          await player.setTopic(UNCLEAN, 'false');
          await player.setTopic('min.insync.replicas', '2');
          await player.wait(2000);
          await lose(player);
          await player.wait(15_000);
        },
        why: /No setting|More than one setting was changed/,
      },
    ],
  },
  'power-cut': {
    async solve(player) {
      await player.to('power-cut', 1, 2, 3);
      await player.to('start', 1, 2, 3);
      await player.untilDone();
    },
    misses: [
      {
        title: 'kill -9 of all of them loses nothing',
        async play(player) {
          await player.to('kill', 1, 2, 3);
          await player.to('start', 1, 2, 3);
          await player.until('a leader', () => player.leader !== undefined);
          await player.wait(10_000);
        },
        why: /no disk lost what it had/,
      },
    ],
  },
  'duplicate': {
    async solve(player) {
      await player.press('start p2: acks=all');
      await player.wait(3000);
      await loseAnswers(player);
      await player.untilDone();
    },
    misses: [
      {
        title: 'an idempotent producer more makes no duplicates',
        async play(player) {
          await player.press('start p3: acks=all, idempotent');
          await player.wait(3000);
          await loseAnswers(player);
          await player.wait(10_000);
        },
        why: /There is no producer without idempotence/,
      },
      {
        title: 'who never sends again makes no duplicates',
        async play(player) {
          await player.press('start p4: acks=all, retries=0');
          await player.wait(3000);
          await loseAnswers(player);
          await player.wait(10_000);
        },
        why: /No record of the producer without idempotence was read twice/,
      },
    ],
  },
  'read-twice': {
    async solve(player) {
      await player.press('start c2: group g1');
      await player.wait(5500);
      const owner = Object.values(player.state.consumers).find(({ assigned }) => assigned.length > 0)!;
      await player.cutFromBrokers(owner.host);
      await player.untilDone();
    },
    misses: [
      {
        title: 'who leaves properly has committed',
        async play(player) {
          await player.press('start c2: group g1');
          await player.wait(5000);
          await player.press('stop c1');
          await player.wait(10_000);
        },
        why: /nothing was read twice/,
      },
      {
        title: 'another group reads for itself',
        async play(player) {
          await player.press('start c3: group g2');
          await player.press('start c4: no group');
          await player.wait(10_000);
        },
        why: /The members of the group are the same as ever/,
      },
    ],
  },
  'expelled': {
    async solve(player) {
      await player.cutFromBrokers(player.state.consumers.c2!.host);
      await player.untilDone('alone');
      await player.heal();
      await player.untilDone();
    },
    misses: [
      {
        title: 'who is stopped is not expelled',
        async play(player) {
          await player.press('stop c2');
          await player.wait(8000);
          await player.press('start c2: group g1');
          await player.wait(5000);
        },
        why: /Somebody left, and was not expelled/,
      },
    ],
  },
};
