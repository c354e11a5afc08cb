/** Work of requests is cut into turns: what is due in between gets its time. */
import { Clock } from '../../src/common/host';
import { WorkTurns } from '../../src/network/work-turns';

function lab() {
  const time = { nowMs: 0 };
  const due: (() => void)[] = [];
  const clock = {
    monotonicMs: () => time.nowMs,
    schedule: (_delayMs: number, action: () => void) => {
      due.push(action);
      return { cancel: () => {} };
    },
  } as unknown as Clock;
  const turns = new WorkTurns(clock);
  const work = (ms: number) =>
    turns.measure(() => {
      time.nowMs += ms;
    });
  const nextTurn = () => {
    for (const action of due.splice(0)) action();
  };
  return { turns, work, nextTurn, due };
}

test('a turn is over after 5 ms of work, however many did it, and nothing is scheduled before', () => {
  const { turns, work, nextTurn, due } = lab();
  for (let i = 0; i < 4; i++) work(1);
  expect([turns.isOver, due.length]).toEqual([false, 0]);
  work(1);
  expect([turns.isOver, due.length]).toEqual([true, 1]);
  nextTurn();
  expect(turns.isOver).toBe(false);
});

test('who waits goes on in the order of asking, brokers first, 5 ms a turn', () => {
  const { turns, work, nextTurn } = lab();
  const order: string[] = [];
  const taker = (name: string) => ({
    takeTurn: () => {
      order.push(name);
      work(4);
    },
  });
  work(5);
  for (const name of ['a', 'b', 'c']) turns.wait(taker(name), false);
  turns.wait(taker('broker'), true);
  nextTurn();
  expect(order).toEqual(['broker', 'a']);
  nextTurn();
  expect(order).toEqual(['broker', 'a', 'b', 'c']);
});

test('who asks again comes behind those who wait, and who is gone is not called', () => {
  const { turns, work, nextTurn } = lab();
  const order: string[] = [];
  const greedy = {
    takeTurn: () => {
      order.push('greedy');
      work(25);
      turns.wait(greedy, false);
    },
  };
  const other = {
    takeTurn: () => {
      order.push('other');
    },
  };
  const gone = {
    takeTurn: () => {
      order.push('gone');
    },
  };
  for (const one of [greedy, gone, other]) turns.wait(one, false);
  turns.forget(gone);
  for (let i = 0; i < 3; i++) nextTurn();
  expect(order).toEqual(['greedy', 'other', 'greedy', 'greedy']);
});

test('work within work is counted once', () => {
  const { turns, work } = lab();
  turns.measure(() => work(4));
  expect(turns.isOver).toBe(false);
});

test('brokers that always have more to do leave every other turn to clients', () => {
  const { turns, work, nextTurn } = lab();
  const order: string[] = [];
  const busy = (name: string, isBroker: boolean) => {
    const taker = {
      takeTurn: () => {
        order.push(name);
        work(2.5);
        turns.wait(taker, isBroker);
      },
    };
    turns.wait(taker, isBroker);
  };
  for (const name of ['A', 'B', 'C']) busy(name, true);
  for (const name of ['x', 'y', 'z']) busy(name, false);
  for (let i = 0; i < 4; i++) nextTurn();
  expect(order.join('')).toBe('ABxyCAzx');
});

test('clients share a turn: who has little to do does not wait for all that others have', () => {
  const { turns, work, nextTurn } = lab();
  const order: string[] = [];
  const busy = (name: string, isBroker: boolean) => {
    const taker = {
      takeTurn: () => {
        order.push(name);
        for (let ms = 0; ms < 100 && !turns.isOver; ms++) work(1);
        turns.wait(taker, isBroker);
      },
    };
    turns.wait(taker, isBroker);
  };
  for (let i = 0; i < 39; i++) busy('busy', false);
  turns.wait(
    {
      takeTurn: () => {
        order.push('little');
      },
    },
    false,
  );
  nextTurn();
  expect(order.length).toBe(5);
  for (let i = 0; i < 7; i++) nextTurn();
  expect(order.indexOf('little')).toBe(39);
  order.length = 0;
  busy('broker', true);
  nextTurn();
  nextTurn();
  expect(order.filter((name) => name !== 'busy')).toEqual(['broker']);
  expect(order.length).toBe(6);
});
