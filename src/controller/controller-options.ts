/**
 * What the controller needs to know of the broker it runs in, and of Kafka's settings for it.
 */
export interface ControllerOptions {
  readonly brokerId: number;
  /** Where followers reach their leaders. */
  readonly interBrokerListener: string;
  /** Where the controller reaches brokers that have it; others on the inter-broker listener. */
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
