/**
 * Decides which control requests a broker obeys: only those of the newest controller epoch it has seen, only
 * those for its current broker epoch, and none before it is registered.
 *
 * Kafka: server/ReplicaManager.scala#controllerEpoch, server/KafkaApis.scala#isBrokerEpochStale@2.8.2
 * (KIP-380)
 */
import { ErrorName } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { RepeatedWarnings } from '../common/repeated-warnings';

/** The controller that sent a request, and the broker epoch of the broker it is for. */
export interface Sender {
  readonly controllerId: number;
  readonly controllerEpoch: number;
  readonly brokerEpoch: number;
}

export class ControlFence {
  private controllerEpoch = -1;
  private readonly warning: RepeatedWarnings;
  private onRegistered: () => void = () => {};
  /** Resolves when this broker's epoch is known. Kafka: SocketServer#startProcessingRequests */
  readonly whenRegistered = new Promise<void>((resolve) => {
    this.onRegistered = resolve;
  });

  constructor(
    private readonly host: Host,
    log: Logger,
    private readonly brokerId: number,
    private readonly brokerEpoch: () => number,
  ) {
    this.warning = new RepeatedWarnings(host.clock, log);
  }

  registered(): void {
    this.onRegistered();
  }

  /** The error for the response, or undefined if the request may be obeyed. */
  problem(sender: Sender, api: string): ErrorName | undefined {
    if (sender.controllerEpoch < this.controllerEpoch) {
      const detail = `its epoch ${sender.controllerEpoch} is older than ${this.controllerEpoch}`;
      return this.refuse(sender, api, 'STALE_CONTROLLER_EPOCH', detail);
    }
    const brokerEpoch = this.brokerEpoch();
    if (sender.brokerEpoch < brokerEpoch) {
      const detail = `broker epoch ${sender.brokerEpoch} is older than ${brokerEpoch}`;
      return this.refuse(sender, api, 'STALE_BROKER_EPOCH', detail);
    }
    // A greater broker epoch was confirmed in ZooKeeper (control-gate.ts): our new session has just
    // registered.
    this.controllerEpoch = sender.controllerEpoch;
    return undefined;
  }

  private refuse(sender: Sender, api: string, error: ErrorName, detail: string): ErrorName {
    const { controllerId, controllerEpoch, brokerEpoch } = sender;
    this.warning.warn(
      `${api} ${error}`,
      `Refusing ${api} of controller ${controllerId}: ${error}, ${detail}`,
    );
    this.host.event({
      what: 'control-request-refused',
      broker: this.brokerId,
      api,
      error,
      controllerId,
      controllerEpoch,
      brokerEpoch,
    });
    return error;
  }
}
