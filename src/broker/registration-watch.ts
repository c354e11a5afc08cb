/**
 * Restores a broker's registration and incarnation znode if they are deleted by hand while its session is
 * alive: the controller must see the broker, and leaders must be able to add it to an ISR.
 *
 * Kafka 2.8 has no counterpart: there a broker whose registration was removed by hand is lost until it
 * restarts.
 */
import { messageOf } from '../common/errors';
import { Log as Logger } from '../common/host';
import { SerialQueue } from '../common/serial-queue';
import { ZkConnection } from '../zk/zk-connection';
import { brokerIdZnode, incarnationZnode } from '../zk/znodes';

export interface RegisteredBroker {
  readonly brokerId: number;
  readonly log: Logger;
  readonly brokerEpoch: () => number;
  readonly isStopping: () => boolean;
  readonly register: () => Promise<void>;
}

export function watchRegistration(zk: ZkConnection, broker: RegisteredBroker): void {
  const { brokerId, log } = broker;
  const registration = brokerIdZnode.path(brokerId);
  const queue = new SerialQueue((error) =>
    log.warn(`The registration could not be read: ${messageOf(error)}`),
  );
  let watched = '';
  let unwatch = (): void => {};
  const check = () =>
    queue.put(async () => {
      const brokerEpoch = broker.brokerEpoch();
      const incarnation = incarnationZnode.path(brokerId, brokerEpoch);
      if (watched !== incarnation) {
        unwatch();
        unwatch = zk.onDataChange(incarnation, check);
        watched = incarnation;
      }
      const [stat, ours] = [await zk.exists(registration), await zk.exists(incarnation)];
      // If the registration has another epoch, a new session is registering right now.
      const gone =
        stat === null ? registration : ours === null && stat.czxid === brokerEpoch ? incarnation : '';
      if (gone === '' || broker.isStopping()) return;
      log.warn(`${gone} is gone though the session lives; registering again`);
      await broker.register();
      check();
    });
  zk.onDataChange(registration, check);
  check();
}
