/**
 * The settings that a run begins with. `lab`: the simulation's short times; a session ends after 6 s, so that
 * a virtual minute holds many elections. `kafka`: Kafka's defaults.
 */
import { RawConfig } from '../../src/common/config-def';
import { Profile } from '../shared/run';

const COMMON: RawConfig = { 'offsets.topic.num.partitions': 1, 'group.initial.rebalance.delay.ms': 500 };

const KAFKA: RawConfig = {
  'zookeeper.session.timeout.ms': 18_000,
  'replica.lag.time.max.ms': 30_000,
  'replica.fetch.wait.max.ms': 500,
  'replica.fetch.backoff.ms': 1000,
  'replica.socket.timeout.ms': 30_000,
  'controller.socket.timeout.ms': 30_000,
  'request.timeout.ms': 30_000,
  'replica.high.watermark.checkpoint.interval.ms': 5000,
  'log.flush.offset.checkpoint.interval.ms': 60_000,
  'log.retention.check.interval.ms': 300_000,
  'controlled.shutdown.retry.backoff.ms': 5000,
  'log.segment.delete.delay.ms': 60_000,
  'auto.leader.rebalance.enable': 'true',
  'group.initial.rebalance.delay.ms': 3000,
};

export function brokerSettings(profile: Profile): RawConfig {
  return profile === 'kafka' ? { ...COMMON, ...KAFKA } : COMMON;
}

export function clientSettings(profile: Profile): RawConfig {
  const isLab = profile === 'lab';
  return {
    'zookeeper.connect': 'zookeeper:2181',
    'zookeeper.session.timeout.ms': isLab ? 6000 : 18_000,
    'request.timeout.ms': isLab ? 5000 : 30_000,
  };
}
