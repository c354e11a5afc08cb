/**
 * Announces large requests on many connections, sends half of each, and then nothing more.
 */
import { Connection } from '../../common/host';
import { Attack, dial, Ground, pause, scaled } from '../ground';

const FRAME_BYTES = 100_000_000;
const CONNECTIONS = 60;
const PIECE_BYTES = 1_000_000;
const BEFORE_ANOTHER_ROUND_MS = 4000;

/** Sends as much as the broker accepts at once, in pieces, until half of the frame is sent. */
async function sendHalf(ground: Ground, connection: Connection): Promise<void> {
  const bytes = scaled(ground, FRAME_BYTES, 1000);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes);
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.ceil(bytes / 2)), 0x95);
  let isOpen = true;
  connection.onClose(() => {
    isOpen = false;
  });
  connection.write([head]);
  for (let sent = 0; sent < bytes / 2 && isOpen && !ground.isOver(); sent += piece.length) {
    connection.write([piece]);
    while (isOpen && connection.pendingBytes() > 4 * piece.length && !ground.isOver())
      await pause(ground.host.clock, 20);
  }
}

async function run(ground: Ground): Promise<void> {
  const open: Connection[] = [];
  while (!ground.isOver()) {
    for (let i = 0; i < scaled(ground, CONNECTIONS, 2) && !ground.isOver(); i++) {
      const connection = await dial(ground, ground.brokers[0]!);
      ground.log.count(connection ? 'silent' : 'refused');
      if (!connection) continue;
      open.push(connection);
      void sendHalf(ground, connection).catch(() => {});
    }
    for (let waited = 0; waited < BEFORE_ANOTHER_ROUND_MS && !ground.isOver(); waited += 100)
      await pause(ground.host.clock, 100);
    for (const connection of open.splice(0)) connection.destroy('done');
  }
}

export const halfFrames: Attack = {
  name: 'half-frames',
  sends: 'sixty connections announce 100 MB each to one broker and send half of it',
  expected: 'memory stays within the budget of incoming requests; the slow ones lose their connection',
  run,
};
