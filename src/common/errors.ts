/**
 * Every error of the protocol, one row each: Kafka's name, Kafka's code, whether a client may retry, a
 * message.
 *
 * There are two kinds of errors. Errors that a correct program has to expect (a request, a peer or a disk
 * failed) are rows of this table; `KafkaError` carries them, and callers handle them. Bugs of our own are
 * `InvariantError`, raised by `invariant()`; they stop the broker, because a broker that continues after a
 * broken invariant may lose data. Errors that only occur inside a client and are never sent (a closed client,
 * a bad setting) have code `null`.
 *
 * [p] Kafka: clients/.../common/protocol/Errors.java@2.8.2
 */
type Row = readonly [code: number | null, retriable: boolean, message: string];

export const errorTable = {
  UNKNOWN_SERVER_ERROR: [
    -1,
    false,
    'The server experienced an unexpected error when processing the request.',
  ],
  NONE: [0, false, 'No error.'],
  OFFSET_OUT_OF_RANGE: [1, false, 'The requested offset is outside the range of offsets kept by the server.'],
  CORRUPT_MESSAGE: [2, true, 'The record batch failed its CRC, has a wrong size, or is otherwise malformed.'],
  UNKNOWN_TOPIC_OR_PARTITION: [3, true, 'This server does not host this topic-partition.'],
  LEADER_NOT_AVAILABLE: [5, true, 'There is no leader for this topic-partition: an election is under way.'],
  NOT_LEADER_OR_FOLLOWER: [
    6,
    true,
    'This broker is not the leader (for produce) or not a replica (for fetch) of the partition.',
  ],
  REQUEST_TIMED_OUT: [7, true, 'The request timed out before it was acknowledged.'],
  BROKER_NOT_AVAILABLE: [8, false, 'The broker is not available.'],
  REPLICA_NOT_AVAILABLE: [9, true, 'The replica is not available for the requested topic-partition.'],
  MESSAGE_TOO_LARGE: [10, false, 'The batch is larger than the largest message the server accepts.'],
  STALE_CONTROLLER_EPOCH: [11, false, 'The controller moved to another broker.'],
  OFFSET_METADATA_TOO_LARGE: [
    12,
    false,
    'The metadata of a committed offset is longer than offset.metadata.max.bytes.',
  ],
  NETWORK_EXCEPTION: [13, true, 'The server disconnected before a response was received.'],
  COORDINATOR_LOAD_IN_PROGRESS: [14, true, 'The coordinator is loading the group and cannot answer yet.'],
  COORDINATOR_NOT_AVAILABLE: [15, true, 'There is no coordinator for the group at the moment.'],
  NOT_COORDINATOR: [16, true, 'This broker is not the coordinator of the group.'],
  INVALID_TOPIC_EXCEPTION: [17, false, 'The topic name is not legal.'],
  RECORD_LIST_TOO_LARGE: [18, false, 'The request included a batch larger than the configured segment size.'],
  NOT_ENOUGH_REPLICAS: [19, true, 'Fewer in-sync replicas than min.insync.replicas; nothing was written.'],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: [
    20,
    true,
    'Written, but to fewer in-sync replicas than min.insync.replicas.',
  ],
  INVALID_REQUIRED_ACKS: [21, false, 'acks is neither 0, 1 nor -1.'],
  ILLEGAL_GENERATION: [22, false, 'The generation of the group in the request is not the current one.'],
  INCONSISTENT_GROUP_PROTOCOL: [
    23,
    false,
    'The member supports none of the assignment protocols that the other members have in common.',
  ],
  INVALID_GROUP_ID: [24, false, 'The group id is empty or otherwise not valid.'],
  UNKNOWN_MEMBER_ID: [25, false, 'The coordinator does not know this member.'],
  INVALID_SESSION_TIMEOUT: [
    26,
    false,
    'The session timeout is not between group.min.session.timeout.ms and group.max.session.timeout.ms.',
  ],
  REBALANCE_IN_PROGRESS: [27, false, 'The group is rebalancing: the member has to join again.'],
  INVALID_COMMIT_OFFSET_SIZE: [28, false, 'The committed offsets are too large for one record batch.'],
  TOPIC_AUTHORIZATION_FAILED: [29, false, 'Not authorized to access the topic.'],
  CLUSTER_AUTHORIZATION_FAILED: [
    31,
    false,
    'Not authorized: only brokers may send this, not over this listener or with this claim.',
  ],
  INVALID_TIMESTAMP: [32, false, 'The timestamp of the record is out of the accepted range.'],
  UNSUPPORTED_VERSION: [35, false, 'The version of the API is not supported.'],
  TOPIC_ALREADY_EXISTS: [36, false, 'A topic with this name already exists.'],
  INVALID_PARTITIONS: [37, false, 'The number of partitions is below 1.'],
  INVALID_REPLICATION_FACTOR: [
    38,
    false,
    'The replication factor is below 1 or larger than the number of available brokers.',
  ],
  INVALID_REPLICA_ASSIGNMENT: [39, false, 'The replica assignment is not valid.'],
  INVALID_CONFIG: [40, false, 'The configuration is not valid.'],
  NOT_CONTROLLER: [41, true, 'This broker is not the controller.'],
  INVALID_REQUEST: [42, false, 'The request is malformed or contradicts itself.'],
  UNSUPPORTED_FOR_MESSAGE_FORMAT: [43, false, 'The log is of a message format that is not supported.'],
  POLICY_VIOLATION: [44, false, 'The request does not satisfy the configured policy.'],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [
    45,
    false,
    'The sequence number of the batch does not follow the last one of its producer.',
  ],
  DUPLICATE_SEQUENCE_NUMBER: [46, false, 'The batch had been appended before.'],
  INVALID_PRODUCER_EPOCH: [47, false, 'A producer with the same id and a newer epoch has written.'],
  KAFKA_STORAGE_ERROR: [56, true, 'A disk error: the log directory of this partition is offline.'],
  UNKNOWN_PRODUCER_ID: [59, false, 'The broker knows nothing of the producer id any more.'],
  NON_EMPTY_GROUP: [68, false, 'The group is not empty.'],
  GROUP_ID_NOT_FOUND: [69, false, 'The group id does not exist.'],
  LISTENER_NOT_FOUND: [72, true, 'The leader has no endpoint on the listener the request came in on.'],
  FENCED_LEADER_EPOCH: [74, true, 'The leader epoch in the request is older than the one on the broker.'],
  UNKNOWN_LEADER_EPOCH: [75, true, 'The leader epoch in the request is newer than the one on the broker.'],
  UNSUPPORTED_COMPRESSION_TYPE: [76, false, 'The compression type of the batch is not supported.'],
  STALE_BROKER_EPOCH: [
    77,
    false,
    'The broker epoch in the request is older than that of the running broker.',
  ],
  OFFSET_NOT_AVAILABLE: [
    78,
    true,
    'The high watermark has not yet caught up with the start of the leader epoch.',
  ],
  MEMBER_ID_REQUIRED: [79, false, 'The member has to join again with the member id it was given.'],
  PREFERRED_LEADER_NOT_AVAILABLE: [80, true, 'The preferred leader is not alive or not in sync.'],
  GROUP_MAX_SIZE_REACHED: [81, false, 'The group has group.max.size members.'],
  FENCED_INSTANCE_ID: [
    82,
    false,
    "Another member with the same group.instance.id has taken this one's place.",
  ],
  ELIGIBLE_LEADERS_NOT_AVAILABLE: [83, true, 'No replica is eligible to lead.'],
  ELECTION_NOT_NEEDED: [84, true, 'The partition already has the leader an election would give it.'],
  GROUP_SUBSCRIBED_TO_TOPIC: [86, false, 'A member of the group is subscribed to the topic.'],
  INVALID_RECORD: [87, false, 'The record is not valid; the broker did not append the batch.'],
  UNSTABLE_OFFSET_COMMIT: [88, true, 'A commit of the partition is still being replicated.'],
  INVALID_UPDATE_VERSION: [95, false, 'The state in ZooKeeper has another version than expected.'],
  INCONSISTENT_CLUSTER_ID: [104, false, 'The cluster id stored on disk is not that of the cluster.'],
  TIMEOUT: [null, true, 'The client gave up waiting (Kafka: TimeoutException).'],
  RECORD_TOO_LARGE: [
    null,
    false,
    'The record is larger than max.request.size or buffer.memory, or a fetched batch than ' +
      'fetch.max.decompressed.bytes (Kafka: RecordTooLargeException).',
  ],
  CONFIG_EXCEPTION: [null, false, 'A setting is not valid (Kafka: ConfigException).'],
  ILLEGAL_STATE: [
    null,
    false,
    'The client is closed, or was called out of order (Kafka: IllegalStateException).',
  ],
  DISCONNECTED: [null, true, 'The connection was lost before a response came (Kafka: DisconnectException).'],
  SERIALIZATION: [
    null,
    false,
    'A key or value could not be serialized or deserialized (Kafka: SerializationException).',
  ],
  WAKEUP: [null, false, 'The waiting call was ended by wakeup or its signal (Kafka: WakeupException).'],
  COMMIT_FAILED: [
    null,
    false,
    'The commit came from a member that has lost its partitions (Kafka: CommitFailedException).',
  ],
  REBALANCE_FAILED: [
    null,
    false,
    'The members could not agree on owners (Kafka 0.8: ConsumerRebalanceFailedException).',
  ],
  LOG_TRUNCATION: [
    null,
    false,
    'What was read is no longer in the log, and auto.offset.reset is none (Kafka: LogTruncationException).',
  ],
  NO_OFFSET_FOR_PARTITION: [
    null,
    false,
    'No offset is known for the partition and auto.offset.reset is none.',
  ],
} as const satisfies Record<string, Row>;

export type ErrorName = keyof typeof errorTable;

/** The code of an error in a response; -1 for errors that only occur inside a client and are never sent. */
export function errorCode(name: ErrorName): number {
  return errorTable[name][0] ?? -1;
}

const nameByCode = new Map<number, ErrorName>();
for (const [name, [code]] of Object.entries(errorTable) as [ErrorName, Row][]) {
  if (code === null) continue;
  if (nameByCode.has(code)) throw new Error(`error code ${code} is used twice`);
  nameByCode.set(code, name);
}

/** The name of an error code. UNKNOWN_SERVER_ERROR for an unknown code, as in Kafka's clients. */
export function errorName(code: number): ErrorName {
  return nameByCode.get(code) ?? 'UNKNOWN_SERVER_ERROR';
}

/**
 * Limit for the message of a KafkaError: it may quote what a client sent, and goes into log lines and
 * responses.
 */
const MAX_DETAIL_CHARACTERS = 1000;

/** The text; if it is too long, its beginning and an ellipsis. */
export function shortened(text: string): string {
  return text.length <= MAX_DETAIL_CHARACTERS ? text : `${text.slice(0, MAX_DETAIL_CHARACTERS - 1)}…`;
}

/** An error of the table above. `retriable`: the same request may succeed later. */
export class KafkaError extends Error {
  readonly retriable: boolean;
  readonly code: number;

  constructor(
    readonly errorName: ErrorName,
    detail?: string,
  ) {
    super(detail === undefined ? errorTable[errorName][2] : shortened(detail));
    this.name = errorName;
    this.retriable = errorTable[errorName][1];
    this.code = errorCode(errorName);
  }

  static ofCode(code: number, detail?: string): KafkaError {
    return new KafkaError(errorName(code), detail);
  }
}

/** A bug of our own. Code that catches it must throw it again, so that the broker stops. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The message of anything that was thrown, for a log line or for the user. */
export function messageOf(error: unknown): string {
  if (error instanceof KafkaError) return `${error.errorName}: ${error.message}`;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}

/** The stack trace (which includes the message) if there is one, else the message. For unexpected errors. */
export function stackOf(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : messageOf(error);
}

/** The error code of a system error (`ENOSPC`, `EADDRINUSE` …), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Whether the operating system reported the error (EIO, ENOSPC, EACCES …). Node's own codes begin with ERR_.
 */
export function isDiskError(error: unknown): error is Error & { readonly code: string } {
  const code = (error as { code?: unknown } | undefined)?.code;
  return error instanceof Error && typeof code === 'string' && /^E(?!RR_)[A-Z0-9]+$/.test(code);
}

/**
 * Whether the process or the machine has no file descriptor left. This is no fault of the disk: it ends when
 * a file or connection is closed.
 */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Whether a system error means a faulty disk, and not a lack of descriptors or too long a file name. */
export function isDiskFault(error: unknown): boolean {
  return !isOutOfDescriptors(error) && errnoOf(error) !== 'ENAMETOOLONG';
}

/** If these find no room, what was written before is lost: the system had not found room for it yet. */
const FLUSHES = ['fsync', 'fdatasync', 'close'];

/** Whether a write found no room. Nothing is lost; a flush that found none may have lost what was written. */
export function isDiskFull(error: unknown): boolean {
  const code = errnoOf(error);
  const { syscall = '' } = error as { syscall?: string };
  return (code === 'ENOSPC' || code === 'EDQUOT') && !FLUSHES.includes(syscall);
}
