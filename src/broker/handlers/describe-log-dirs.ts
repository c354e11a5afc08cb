/**
 * DescribeLogDirs: the logs in each log dir, and their sizes.
 *
 * Kafka: server/ReplicaManager.scala#describeLogDirs@2.8.2
 */
import { errorCode } from '../../common/errors';
import { describeLogDirs } from '../../protocol/messages/log-admin';
import { Log } from '../../log/log';
import { LogManager } from '../../log/log-manager';
import { TypeOf } from '../../protocol/schema';

type Response = TypeOf<typeof describeLogDirs.response>;

function byTopic(logs: readonly Log[]): Response['results'][number]['topics'] {
  const topics = new Map<string, Log[]>();
  for (const log of logs) {
    const known = topics.get(log.tp.topic);
    if (known) known.push(log);
    else topics.set(log.tp.topic, [log]);
  }
  return [...topics].map(([name, all]) => ({
    name,
    partitions: all.map((log) => ({
      partitionIndex: log.tp.partition,
      partitionSize: log.sizeInBytes,
      offsetLag: Math.max(0, log.highWatermark - log.logEndOffset),
      isFutureKey: false,
    })),
  }));
}

export function handleDescribeLogDirs(
  logs: LogManager,
  request: TypeOf<typeof describeLogDirs.request>,
): Response {
  const wanted = new Set(request.topics);
  return {
    results: logs.dirsWithLogs().map(({ path, isOffline, logs: here }) => ({
      errorCode: errorCode(isOffline ? 'KAFKA_STORAGE_ERROR' : 'NONE'),
      logDir: path,
      topics: isOffline ? [] : byTopic(here.filter((log) => wanted.size === 0 || wanted.has(log.tp.topic))),
    })),
  };
}
