/**
 * Many connections that send their requests byte by byte.
 */
import { Connection } from '../../common/host';
import { metadata } from '../../protocol/messages/metadata';
import { encodeRequest } from '../../protocol/wire';
import { Attack, dial, Ground, pause, scaled } from '../ground';

const CONNECTIONS = 200;
const EVERY_MS = 100;

async function run(ground: Ground): Promise<void> {
  const body = { topics: ['x'.repeat(200)], allTopics: false, allowAutoTopicCreation: false };
  const frame = Buffer.concat(encodeRequest(metadata, 1, 'attacker', body));
  const open: Connection[] = [];
  for (let i = 0; i < scaled(ground, CONNECTIONS, 3) && !ground.isOver(); i++) {
    const connection = await dial(ground, ground.brokers[i % ground.brokers.length]!);
    ground.log.count(connection ? 'silent' : 'refused');
    if (connection) open.push(connection);
  }
  for (let at = 0; !ground.isOver(); at = (at + 1) % frame.length) {
    for (const connection of open) connection.write([frame.subarray(at, at + 1)]);
    await pause(ground.host.clock, EVERY_MS);
  }
  for (const connection of open) connection.destroy('done');
}

export const slowDrip: Attack = {
  name: 'slow-drip',
  sends: 'two hundred connections that send a byte every 100 ms',
  expected: 'each costs its connection only',
  run,
};
