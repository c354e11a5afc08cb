// The ESM entry: the same classes as the CommonJS build, by name.
import samsa from '../dist/src/index.js';

export const { Admin, Consumer, KafkaError, Producer, ZooKeeperConsumer, serdes } = samsa;
