/**
 * The errors that members get when an append to `__consumer_offsets` failed. They make the member find the
 * coordinator or join again; errors of the produce path would mean nothing to it.
 *
 * [p] Kafka: coordinator/group/GroupMetadataManager.scala#{storeGroup,storeOffsets}@2.8.2
 */
import { ErrorName } from '../../common/errors';

/** The error for an operation on the group. Kafka: GroupMetadataManager#storeGroup */
export function groupError(error: ErrorName): ErrorName {
  switch (error) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
      return 'COORDINATOR_NOT_AVAILABLE';
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'KAFKA_STORAGE_ERROR':
      return 'NOT_COORDINATOR';
    case 'REQUEST_TIMED_OUT':
      return 'REBALANCE_IN_PROGRESS';
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return 'UNKNOWN_SERVER_ERROR';
    default:
      return error;
  }
}

export function commitError(error: ErrorName): ErrorName {
  if (error === 'REQUEST_TIMED_OUT') return error;
  return error === 'MESSAGE_TOO_LARGE' || error === 'RECORD_LIST_TOO_LARGE'
    ? 'INVALID_COMMIT_OFFSET_SIZE'
    : groupError(error);
}
