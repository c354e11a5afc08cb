/**
 * Which requests of a controller a broker obeys: those of the latest controller it has heard of, meant for
 * the broker as it is registered now, and none before it is registered.
 *
 * Kafka: server/ReplicaManager.scala#controllerEpoch, server/KafkaApis.scala#isBrokerEpochStale@2.8.2
 * (KIP-380)
 */
import { ErrorName } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { RepeatedWarnings } from '../common/repeated-warnings';

/** Who sent a request of the controller, and to which incarnation of this broker. */
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
  readonly whenRegistered = new Promise<void>((resolve) => { this.onRegistered = resolve; });

  constructor(
    private readonly host: Host, log: Logger, private readonly brokerId: number,
    private readonly brokerEpoch: () => number,
  ) {
    this.warning = new RepeatedWarnings(host.clock, log);
  }

  registered(): void {
    this.onRegistered();
  }

  /** Undefined if the request may be obeyed. */
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
    this.controllerEpoch = sender.controllerEpoch;
    return undefined;
  }

  private refuse(sender: Sender, api: string, error: ErrorName, detail: string): ErrorName {
    const { controllerId, controllerEpoch, brokerEpoch } = sender;
    this.warning.warn(`${api} ${error}`, `Refusing ${api} of controller ${controllerId}: ${error}, ${detail}`);
    this.host.event({
      what: 'control-request-refused', broker: this.brokerId, api, error, controllerId, controllerEpoch,
      brokerEpoch,
    });
    return error;
  }
}
