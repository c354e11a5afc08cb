/** Requests of the controller: in order, in turns of 5 ms, and none after the broker was closed. */
import { ControlQueue } from '../../src/broker/control-queue';
import { Clock } from '../../src/common/host';

/** A clock that the test moves; what is scheduled waits for `turn`. */
function queue() {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => nowMs,
    schedule: (_delayMs, action) => {
      due.push(action);
      return { cancel: () => {} };
    },
  };
  const done: string[] = [];
  const control = new ControlQueue(clock, Promise.resolve());
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const request = (name: string, partitions: number) =>
    control.run(() =>
      control.inTurns(
        Array.from({ length: partitions }, (_, i) => i),
        (i) => {
          nowMs += 1.25;
          done.push(`${name}${i}`);
          return i;
        },
      ),
    );
  const turn = async () => {
    for (const action of due.splice(0)) action();
    await settle();
  };
  return { control, request, done, turn, settle };
}

test('a request of many partitions lets others have a turn after 5 ms, and the next request waits for its end', async () => {
  const { request, done, turn, settle } = queue();
  const first = request('a', 10);
  const second = request('b', 1);
  await settle();
  expect(done).toEqual(['a0', 'a1', 'a2', 'a3']);
  await turn();
  expect(done).toHaveLength(8);
  await turn();
  expect(done.slice(-2)).toEqual(['a9', 'b0']);
  expect([await first, await second]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0]]);
});

test('a request that fails keeps no later one waiting', async () => {
  const { control, request } = queue();
  const failed = control.run(() => Promise.reject(new Error('ZooKeeper is away')));
  const next = request('b', 1);
  await expect(failed).rejects.toThrow('ZooKeeper is away');
  expect(await next).toEqual([0]);
});

test('when the broker is closed no partition is led or followed any more, by nothing that was begun or waits', async () => {
  const { control, request, done, turn, settle } = queue();
  const first = expect(request('a', 10)).rejects.toThrow('shutting down');
  const second = expect(request('b', 1)).rejects.toThrow('shutting down');
  await settle();
  control.close();
  for (let i = 0; i < 5; i++) await turn();
  await Promise.all([first, second]);
  expect(done).toEqual(['a0', 'a1', 'a2', 'a3']);
});
