/**
 * Opens and closes connections as fast as possible, some after a first byte, some after a complete request.
 */
import { apiVersions } from '../../protocol/messages/metadata';
import { encodeRequest } from '../../protocol/wire';
import { Attack, dial, Ground } from '../ground';

const LANES = 20;

async function run(ground: Ground): Promise<void> {
  const hello = { clientSoftwareName: 'attacker', clientSoftwareVersion: '1' };
  const frame = Buffer.concat(encodeRequest(apiVersions, 1, 'attacker', hello));
  const work = async (lane: number) => {
    for (let i = lane; !ground.isOver(); i++) {
      const connection = await dial(ground, ground.brokers[i % ground.brokers.length]!);
      ground.log.count(connection ? 'closed' : 'refused');
      if (i % 3 === 1) connection?.write([frame.subarray(0, 1)]);
      if (i % 3 === 2) connection?.write([frame]);
      if (i % 2 === 0) connection?.destroy('done');
      else connection?.end();
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, lane) => work(lane)));
}

export const connectionFlood: Attack = {
  name: 'connection-flood',
  sends: 'connections, opened and closed as fast as possible',
  expected: 'a rate beyond the bound waits or is refused; connections of brokers and of others are made',
  run,
};
