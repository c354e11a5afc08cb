/** Walks of groups and their clients: what they hold, and that they find planted mistakes. */
import { AssignmentBook } from '../../src/simulation/group-walks/assignment-book';
import { CommitBook } from '../../src/simulation/group-walks/commit-book';
import { groupWalks } from '../../src/simulation/group-walks/group-walk';
import { formatOutcome, replayWalk } from '../../src/simulation/walks/alphabet';
import { Explorer } from '../../src/simulation/walks/explore';
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { World } from '../../src/simulation/world';
import { formatStep } from '../../src/simulation/walks/step-rules';

const SETUP =
  'styles=explicit,auto,explicit assignor=cooperative-sticky discovery=bootstrap loner=no ' +
  'joined=2 faults=yes';
const run = (text: string, setup = SETUP) =>
  replayWalk(
    groupWalks,
    { ...groupWalks.parseSetup(setup), seed: 'group-walks-test', settings: {} },
    text.split('; ').map((step) => groupWalks.parseStep(step)),
  );

test('a walk of groups is written as text and read again', async () => {
  for (const text of ['join 1', 'send 4>2!', 'kill-coordinator 3']) {
    expect(formatStep(groupWalks.parseStep(text))).toBe(text);
  }
  expect(() => groupWalks.parseStep('explode 1')).toThrow("'explode 1' is no step of a walk");
  expect(() => groupWalks.parseSetup('brokers=3')).toThrow("a setup is written as 'styles=");
  const outcome = await run('take 1');
  expect(formatOutcome(groupWalks, outcome)).toBe(`seed=group-walks-test ${SETUP}: take 1`);
});

test('the same walk of a group twice is the same run, action by action', async () => {
  const text =
    'take 1; commit-sync 1!; join 3; kill-coordinator 1!; kill-coordinator 2!; ' +
    'kill-coordinator 3!; send-batch 4>1!; mute-replies 1>2!; seek-begin 1; take 1; heal 1; ' +
    'close 2!; read-back 1';
  const [one, two] = [await run(text), await run(text)];
  expect(one.violations).toEqual([]);
  expect(one.acked).toBeGreaterThan(6);
  expect(two.traceHash).toBe(one.traceHash);
  expect(two.visits).toEqual(one.visits);
});

test('a search over groups goes on from what reached new states, and finds nothing', async () => {
  const explorer = new Explorer(groupWalks, 'suite');
  const violations: string[] = [];
  for (let i = 0; i < 25; i++) {
    const outcome = await explorer.next();
    violations.push(...outcome.violations.map((text) => `${formatOutcome(groupWalks, outcome)}\n${text}`));
  }
  expect(violations).toEqual([]);
  const { states, combinations, waypoints } = explorer.coverage;
  expect(states).toBeGreaterThan(20);
  expect(combinations).toBeGreaterThan(5);
  expect(waypoints['two members share the partitions']).toBeGreaterThan(0);
});

test('every step of an opening is possible where it stands', async () => {
  for (const { setup, steps } of groupWalks.openings) {
    const outcome = await replayWalk(groupWalks, { ...setup, seed: 'openings', settings: {} }, steps);
    expect(outcome.violations).toEqual([]);
    expect(outcome.steps.map(formatStep)).toEqual(steps.map(formatStep));
  }
});

test('a member is given what a leader of its generation has assigned to it, and nothing else', () => {
  const book = new AssignmentBook();
  const [first, second] = [0, 1].map((partition) => ({ topic: 'w', partition }));
  book.leaderAssigned(3, new Map([['a', [first!]]]));
  book.leaderAssigned(4, new Map([['a', [second!, first!]]]));
  expect(book.memberGot(3, 'a', [first!])).toBeUndefined();
  expect(book.memberGot(4, 'a', [first!, second!])).toBeUndefined();
  expect(book.memberGot(4, 'b', [])).toBeUndefined();
  expect(book.memberGot(4, 'a', [first!])).toBe(
    'AssignedByLeader: in generation 4 a was given w-0, and w-0,w-1 was assigned to it',
  );
  expect(book.memberGot(4, 'b', [second!])).toMatch('b was given w-1, and nothing was assigned to it');
});

describe('what a group may find as its committed offset', () => {
  test('is what was acknowledged last, or a later commit of unknown fate', () => {
    const book = new CommitBook();
    expect(book.candidates(undefined, [0])).toEqual(new Set([0]));
    book.reached('a', 1, 5);
    expect(book.candidates(undefined, [0])).toEqual(new Set([0, 5]));
    book.reached('a', 1, 8);
    expect(book.acknowledged('a', 5)).toBe(true);
    expect(book.candidates(book.last, [0])).toEqual(new Set([5, 8]));
  });

  test('is not what a member of an older generation commits later', () => {
    const book = new CommitBook();
    book.reached('b', 2, 7);
    expect(book.acknowledged('b', 7)).toBe(true);
    book.reached('a', 1, 3);
    expect(book.candidates(book.last, [0])).toEqual(new Set([7]));
    expect(book.acknowledged('a', 3)).toBe(true);
    expect(book.last!.offset).toBe(7);
  });

  test('may be lower after a seek, and nobody commits where it never stood', () => {
    const book = new CommitBook();
    book.reached('a', 1, 7);
    book.acknowledged('a', 7);
    book.reached('a', 1, 0);
    expect(book.acknowledged('a', 0)).toBe(true);
    expect(book.candidates(book.last, [])).toEqual(new Set([0]));
    expect(book.acknowledged('a', 4)).toBe(false);
  });
});

test('a request that is late is overtaken over a new connection, and comes though it was given up', async () => {
  const world = new World('late');
  const network = new SimNetwork(world);
  const [client, server] = ['client', 'server'].map((name) => new SimHost(world, network, name).boot());
  const came: string[] = [];
  const frame = (key: number, text: string) => [
    Buffer.from([0, 0, 0, text.length + 2, 0x95, key]),
    Buffer.from(text),
  ];
  await server!.network.listen('server', 9092, (connection) => {
    connection.onData((chunk) => came.push(chunk.toString('utf8', 6)));
  });
  const dial = () => world.complete(client!.network.dial('server', 9092, 1000), 1000, 'dialling');
  network.delayNextRequest('client', 8, 3000);
  const first = await dial();
  first.write(frame(3, 'other'));
  first.write(frame(8, 'late'));
  await world.run(world.nowMs + 500);
  first.destroy('it takes too long');
  (await dial()).write(frame(8, 'next'));
  await world.run(world.nowMs + 500);
  expect(came).toEqual(['other', 'next']);
  await world.run(world.nowMs + 3000);
  expect(came).toEqual(['other', 'next', 'late']);
});

test('an answer that is late arrives when it was said to, and those to other requests in time', async () => {
  const world = new World('late answers');
  const network = new SimNetwork(world);
  const [client, server] = ['client', 'server'].map((name) => new SimHost(world, network, name).boot());
  await server!.network.listen('server', 9092, (connection) => {
    connection.onData((chunk) => connection.write([Buffer.from(`to ${chunk[5]}`)]));
  });
  const connection = await world.complete(client!.network.dial('server', 9092, 1000), 1000, 'dialling');
  const came: string[] = [];
  connection.onData((chunk) => came.push(chunk.toString()));
  network.delayNextAnswer('client', 8, 600);
  for (const key of [3, 8]) {
    connection.write([Buffer.from([0, 0, 0, 2, 0x95, key])]);
    await world.run(world.nowMs + 100);
  }
  expect(came).toEqual(['to 3']);
  await world.run(world.nowMs + 600);
  expect(came).toEqual(['to 3', 'to 8']);
});
