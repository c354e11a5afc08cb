/** Waiting requests: each ends once, and leaves nothing behind. */
import { DelayedOperation, Purgatory } from '../../src/broker/purgatory';
import { Clock } from '../../src/common/host';
import { Metrics } from '../../src/common/metrics';
import { failOnRejection } from '../support/fail-on-rejection';

const tp = (partition: number) => ({ topic: 't', partition });

/** Time stands still; timers are run by hand. */
function handClock() {
  const timers = new Set<() => void>();
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    schedule: (_delayMs, action) => {
      timers.add(action);
      return { cancel: () => timers.delete(action) };
    },
  };
  return {
    clock,
    timers,
    fire: () => {
      for (const action of [...timers]) if (timers.delete(action)) action();
    },
  };
}

/** What has become of the promise at the end of this turn. */
async function outcomeOf<T>(promise: Promise<T>): Promise<T | string> {
  let outcome: T | string = 'waits';
  promise.then(
    (value) => {
      outcome = value;
    },
    (error) => {
      outcome = String(error);
    },
  );
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return outcome;
}

/** Answers once `answer` is set. */
class Waiting implements DelayedOperation<string> {
  answer: string | undefined;
  looks = 0;

  tryComplete(): string | undefined {
    this.looks++;
    return this.answer;
  }

  onExpire(): string {
    return 'expired';
  }
}

function gauges(purgatory: Purgatory): Record<string, number> {
  const metrics = new Metrics();
  purgatory.registerGauges(metrics, 'Test');
  return Object.fromEntries(
    Object.entries(metrics.snapshot()).map(([name, value]) => [/name=(\w+)/.exec(name)![1]!, value]),
  );
}

test('requests that one partition completes leave nothing behind in lists of idle partitions', async () => {
  const { clock, timers } = handClock();
  const purgatory = new Purgatory(clock);
  for (let i = 0; i < 5000; i++) {
    const operation = new Waiting();
    const answered = purgatory.tryCompleteElseWatch(operation, [tp(0), tp(1), tp(2)], 500);
    expect(gauges(purgatory)).toEqual({ NumDelayedOperations: 1, PurgatorySize: 3, NumCompletedWatched: 0 });
    operation.answer = 'records';
    purgatory.check(tp(0));
    expect(await outcomeOf(answered)).toBe('records');
  }
  expect(gauges(purgatory)).toEqual({ NumDelayedOperations: 0, PurgatorySize: 0, NumCompletedWatched: 0 });
  expect(timers.size).toBe(0);
});

test('a request that names a partition twice is watched once', async () => {
  const { clock, fire } = handClock();
  const purgatory = new Purgatory(clock);
  const answered = purgatory.tryCompleteElseWatch(new Waiting(), [tp(0), tp(0)], 500);
  expect(purgatory.watched).toBe(1);
  fire();
  expect(await outcomeOf(answered)).toBe('expired');
  expect(purgatory.watched).toBe(0);
});

test('a request that fails is answered with its error, and the others are still looked at', async () => {
  const { clock, timers } = handClock();
  const purgatory = new Purgatory(clock);
  const failing: DelayedOperation<string> = { tryComplete: () => undefined, onExpire: () => 'expired' };
  const failed = purgatory.tryCompleteElseWatch(failing, [tp(0)], 500);
  const other = new Waiting();
  const answered = purgatory.tryCompleteElseWatch(other, [tp(0)], 500);
  failing.tryComplete = () => {
    throw new Error('EIO');
  };
  other.answer = 'records';
  purgatory.check(tp(0));
  expect(await outcomeOf(failed)).toBe('Error: EIO');
  expect(await outcomeOf(answered)).toBe('records');
  expect([purgatory.numDelayed, purgatory.watched, timers.size]).toEqual([0, 0, 0]);
});

test('a request that fails when its time is over is answered with its error', async () => {
  const { clock, fire } = handClock();
  const purgatory = new Purgatory(clock);
  const failed = purgatory.watch(
    {
      tryComplete: () => undefined,
      onExpire: () => {
        throw new Error('EIO');
      },
    },
    [tp(0)],
    500,
  );
  fire();
  expect(await outcomeOf(failed)).toBe('Error: EIO');
  expect(purgatory.numDelayed).toBe(0);
});

test('a request whose peer is gone is dropped with its timer, and is not looked at again', async () => {
  const { clock, timers } = handClock();
  const purgatory = new Purgatory(clock);
  let leave = () => {};
  const operation = new Waiting();
  const asker = {
    onGone: (listener: () => void) => {
      leave = listener;
    },
  };
  failOnRejection(purgatory.tryCompleteElseWatch(operation, [tp(0), tp(1)], 2 ** 31 - 1, asker));
  expect(purgatory.watched).toBe(2);
  leave();
  expect([purgatory.numDelayed, purgatory.watched, timers.size]).toEqual([0, 0, 0]);
  purgatory.check(tp(0));
  await Promise.resolve();
  expect(operation.looks).toBe(1);
});

test('changes within one turn of the loop lead to one look', async () => {
  const { clock } = handClock();
  const purgatory = new Purgatory(clock);
  const operation = new Waiting();
  failOnRejection(purgatory.tryCompleteElseWatch(operation, [tp(0)], 500));
  for (let i = 0; i < 10; i++) purgatory.check(tp(0));
  await Promise.resolve();
  expect(operation.looks).toBe(2);
});
