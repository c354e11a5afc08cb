/** What a response costs counts in the turn in which it is made and written, also if it was waited for. */
import { Clock, Connection } from '../../src/common/host';
import { ResponseQueue, ResponseQueueOwner, ResponseSlot } from '../../src/network/response-queue';
import { WorkTurns } from '../../src/network/work-turns';
import { heartbeat } from '../../src/protocol/messages/groups';
import { Api } from '../../src/protocol/schema';

test('the turn of the event loop is over when responses that were waited for have taken 5 ms', () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, schedule: () => ({ cancel: () => {} }) } as unknown as Clock;
  const turns = new WorkTurns(clock);
  const connection = {
    onDrain: () => {},
    pendingBytes: () => 0,
    write: () => {
      nowMs += 3;
    },
  } as unknown as Connection;
  const owner = { turns, endsWaiting: () => {}, movedOn: () => {} } as unknown as ResponseQueueOwner;
  const queue = new ResponseQueue(connection, owner);
  const respond = (id: number) => {
    const slot = new ResponseSlot(heartbeat as Api, id, false, turns);
    queue.add(slot);
    queue.finish(slot, { errorCode: 0 });
  };
  respond(1);
  expect(turns.isOver).toBe(false);
  respond(2);
  expect(turns.isOver).toBe(true);
});
