/**
 * Opens connections and keeps them open, until the broker accepts no more.
 */
import { Connection } from '../../common/host';
import { Attack, dial, Ground, pause, scaled } from '../ground';

const CONNECTIONS = 3000;

async function run(ground: Ground): Promise<void> {
  const open: Connection[] = [];
  const count = scaled(ground, CONNECTIONS, 5);
  while (!ground.isOver()) {
    if (open.length < count) {
      const connection = await dial(ground, ground.brokers[0]!);
      ground.log.count(connection ? 'silent' : 'refused');
      if (connection) open.push(connection);
      else await pause(ground.host.clock, 100);
    } else await pause(ground.host.clock, 100);
  }
  for (const connection of open) connection.destroy('done');
}

export const idleConnections: Attack = {
  name: 'idle-connections',
  sends: 'three thousand connections to one broker that say nothing and stay',
  expected: 'no disk is taken for broken for want of descriptors; brokers still connect',
  run,
};
