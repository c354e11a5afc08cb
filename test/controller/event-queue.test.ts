/**
 * The controller's event queue: one event at a time, and none is swallowed by an older one of the same name.
 */
import { Log } from '../../src/common/host';
import { EventQueue } from '../../src/controller/event-queue';

const log: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugOn: false,
  child: () => log,
};

function newQueue(): { queue: EventQueue; failures: string[] } {
  const failures: string[] = [];
  return { failures, queue: new EventQueue(log, (name) => failures.push(name)) };
}

test('an event of a new term is handled though one of the same name waits from the term before', async () => {
  const { queue } = newQueue();
  const ran: string[] = [];
  queue.put('Busy', async () => {
    ran.push('busy');
  });
  queue.put('BrokerChange', async () => {
    ran.push('of the ended term');
  });
  queue.put('BrokerChange', async () => {
    ran.push('of the new term');
  });
  await queue.idle();
  expect(ran).toEqual(['busy', 'of the new term']);
});

test('an event that comes while one of its name is being handled is handled after it', async () => {
  const { queue } = newQueue();
  const ran: number[] = [];
  queue.put('BrokerChange', async () => {
    ran.push(1);
    queue.put('BrokerChange', async () => {
      ran.push(2);
    });
  });
  await queue.idle();
  await queue.idle();
  expect(ran).toEqual([1, 2]);
});

test('what pre-empts drops what waits, and the same names can be put again', async () => {
  const { queue } = newQueue();
  const ran: string[] = [];
  queue.put('Busy', async () => {});
  queue.put('BrokerChange', async () => {
    ran.push('dropped');
  });
  queue.clearAndPut('Expire', async () => {
    ran.push('expire');
  });
  queue.put('BrokerChange', async () => {
    ran.push('again');
  });
  await queue.idle();
  expect(ran).toEqual(['expire', 'again']);
});

test('a failing event is reported, and the next one is handled', async () => {
  const { queue, failures } = newQueue();
  const ran: string[] = [];
  queue.put('Bad', async () => {
    throw new Error('no');
  });
  queue.put('Good', async () => {
    ran.push('good');
  });
  await queue.idle();
  expect(failures).toEqual(['Bad']);
  expect(ran).toEqual(['good']);
});

test('whoever waits for an event that is dropped is told', async () => {
  const { queue } = newQueue();
  const told: string[] = [];
  queue.putAlways(
    'Done',
    async () => {
      told.push('handled');
    },
    () => told.push('done was dropped'),
  );
  queue.put('Busy', async () => {});
  queue.putAlways(
    'ControlledShutdown',
    async () => {
      told.push('no');
    },
    () => told.push('dropped'),
  );
  queue.clearAndPut('Expire', async () => {
    told.push('expire');
  });
  await queue.idle();
  expect(told).toEqual(['handled', 'dropped', 'expire']);
});
