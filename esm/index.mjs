// The ESM entry: the same classes as the CommonJS build, by name.
import samsa from '../dist/src/index.js';

export const { Admin, Consumer, KafkaError, LogTruncationError, Producer, ZooKeeperConsumer, serdes } = samsa;
