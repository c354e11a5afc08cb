/**
 * The assignors by name. `partition.assignment.strategy` may hold names, Kafka's class names, or assignor
 * objects.
 *
 * [p] Kafka: clients/consumer/internals/PartitionAssignorAdapter.java@2.8.2
 */
import { KafkaError } from '../../common/errors';
import { PartitionAssignor } from './partition-assignor';
import { rangeAssignor } from './range-assignor';
import { roundRobinAssignor } from './round-robin-assignor';
import { cooperativeStickyAssignor, stickyAssignor } from './sticky-assignor';

const makers: Readonly<Record<string, () => PartitionAssignor>> = {
  'range': rangeAssignor,
  'roundrobin': roundRobinAssignor,
  'sticky': stickyAssignor,
  'cooperative-sticky': cooperativeStickyAssignor,
};
const KAFKA_CLASSES: Readonly<Record<string, string>> = {
  RangeAssignor: 'range',
  RoundRobinAssignor: 'roundrobin',
  StickyAssignor: 'sticky',
  CooperativeStickyAssignor: 'cooperative-sticky',
};

function isAssignor(value: unknown): value is PartitionAssignor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'assign' in value &&
    typeof value.assign === 'function'
  );
}

/**
 * Throws CONFIG_EXCEPTION if a value is no assignor, if one occurs twice, or if the assignors have no
 * protocol (eager or cooperative) in common.
 */
export function assignorsOf(values: readonly unknown[]): PartitionAssignor[] {
  const fail = (message: string): never => {
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `Invalid value for configuration partition.assignment.strategy: ${message}`,
    );
  };
  const assignors = values.map((value) => {
    if (isAssignor(value))
      return {
        ...value,
        protocol: value.protocol ?? 'eager',
        assign: value.assign.bind(value),
        userData: value.userData?.bind(value),
        onAssignment: value.onAssignment?.bind(value),
      };
    const name = String(value).replace('org.apache.kafka.clients.consumer.', '');
    const make = makers[KAFKA_CLASSES[name] ?? name];
    return make
      ? make()
      : fail(`${name} is none of ${Object.keys(makers).join(', ')}, and no object with name and assign`);
  });
  if (assignors.length === 0) fail('there is none');
  if (new Set(assignors.map((one) => one.name)).size !== assignors.length) fail('the same assignor twice');
  return assignors;
}
