/**
 * Options of a consumer's calls that wait: timeouts, signals, callbacks.
 *
 * [p] Kafka: clients/consumer/{KafkaConsumer,OffsetCommitCallback}.java@2.8.2; differs: an AbortSignal ends a
 * wait.
 */
import { KafkaError } from '../common/errors';
import { OffsetCommit } from './offset-committer';

export interface SignalOption {
  /** Ends the wait. The call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface CallOptions extends SignalOption {
  /** The default is default.api.timeout.ms. */
  readonly timeoutMs?: number;
}

export interface PollOptions extends SignalOption {
  /** A limit below max.poll.records. */
  readonly maxRecords?: number;
}

export type CommitCallback = (error: KafkaError | null, offsets: readonly OffsetCommit[] | undefined) => void;
