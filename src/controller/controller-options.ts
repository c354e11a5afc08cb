/**
 * What the controller needs to know about its own broker, and the settings it uses.
 */
export interface ControllerOptions {
  readonly brokerId: number;
  /** The listener on which followers fetch from leaders. */
  readonly interBrokerListener: string;
  /**
   * The listener on which the controller reaches brokers; brokers without it are reached on the inter-broker
   * listener.
   */
  readonly controlPlaneListener: string;
  /** controller.socket.timeout.ms */
  readonly socketTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly uncleanLeaderElection: boolean;
  readonly autoLeaderRebalance: boolean;
  readonly rebalanceCheckIntervalMs: number;
  readonly firstRebalanceDelayMs: number;
  readonly imbalancePercentage: number;
}
