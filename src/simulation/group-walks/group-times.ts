/**
 * Short virtual timeouts: a group settles within a second; a dead member or broker is detected within three.
 */
import { RawConfig } from '../../common/config-def';

export const BROKER_TIMES: RawConfig = {
  'zookeeper.session.timeout.ms': 1500,
  'replica.lag.time.max.ms': 1000,
  'replica.fetch.wait.max.ms': 500,
  'replica.fetch.backoff.ms': 100,
  'replica.socket.timeout.ms': 700,
  'controller.socket.timeout.ms': 700,
  'request.timeout.ms': 700,
  'controlled.shutdown.retry.backoff.ms': 200,
  'controller.retry.backoff.ms': 200,
  'controlled.shutdown.max.retries': 2,
  'isr.change.check.interval.ms': 400,
  'isr.change.quiet.ms': 400,
  'group.initial.rebalance.delay.ms': 100,
  'group.min.session.timeout.ms': 500,
  'offsets.topic.num.partitions': 3,
  'offsets.topic.replication.factor': 3,
  'offsets.load.buffer.size': 100,
  'offsets.commit.timeout.ms': 1000,
};

export const CONSUMER_TIMES: RawConfig = {
  'session.timeout.ms': 2500,
  'heartbeat.interval.ms': 400,
  'max.poll.interval.ms': 4000,
  'request.timeout.ms': 1000,
  'default.api.timeout.ms': 3000,
  'retry.backoff.ms': 60,
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 200,
  'metadata.max.age.ms': 2000,
  'auto.commit.interval.ms': 400,
  'auto.offset.reset': 'earliest',
  'fetch.max.wait.ms': 400,
};

export const PRODUCER_TIMES: RawConfig = {
  'request.timeout.ms': 800,
  'delivery.timeout.ms': 2500,
  'max.block.ms': 2500,
  'retry.backoff.ms': 60,
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 200,
  'metadata.max.age.ms': 2000,
  'linger.ms': 0,
};
