/**
 * Computes the offsets for `consumer-groups --reset-offsets`: for one scenario the new offset of each
 * partition, limited to the range of its log.
 *
 * Kafka: kafka/admin/ConsumerGroupCommand.scala#prepareOffsetsToReset@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';

export type ResetScenario =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'current' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'shift'; readonly by: number }
  /** ms since 1970. */
  | { readonly kind: 'time'; readonly timestamp: number }
  | { readonly kind: 'file'; readonly offsets: ReadonlyMap<string, number> };

/** The offsets of a cluster that a scenario may need. */
export interface OffsetSource {
  beginningOffsets(tps: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>;
  endOffsets(tps: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>;
  offsetsForTimes(
    tps: readonly (TopicPartition & { readonly timestamp: number })[],
  ): Promise<ReadonlyMap<string, { readonly offset: number }>>;
}

export interface NewOffset extends TopicPartition {
  readonly offset: number;
}

/**
 * The new offset of each partition. Throws ILLEGAL_STATE if a shift has no committed offset to start from.
 */
export async function planReset(
  scenario: ResetScenario,
  tps: readonly TopicPartition[],
  committed: ReadonlyMap<string, number>,
  source: OffsetSource,
  warn: (message: string) => void,
): Promise<NewOffset[]> {
  const begin = await source.beginningOffsets(tps);
  const end = await source.endOffsets(tps);
  const byTime =
    scenario.kind === 'time'
      ? await source.offsetsForTimes(tps.map((tp) => ({ ...tp, timestamp: scenario.timestamp })))
      : new Map<string, { offset: number }>();
  const wanted = (name: string): number | undefined => {
    switch (scenario.kind) {
      case 'earliest':
        return begin.get(name);
      case 'latest':
        return end.get(name);
      case 'current':
        return committed.get(name) ?? end.get(name);
      case 'offset':
        return scenario.offset;
      case 'time':
        return byTime.get(name)?.offset ?? end.get(name);
      case 'file':
        return scenario.offsets.get(name);
      case 'shift': {
        const current = committed.get(name);
        if (current === undefined)
          throw new KafkaError(
            'ILLEGAL_STATE',
            `Cannot shift offset for partition ${name} since there is no current committed offset`,
          );
        return current + scenario.by;
      }
    }
  };
  return tps.flatMap(({ topic, partition }) => {
    const name = tpName({ topic, partition });
    const offset = wanted(name);
    return offset === undefined
      ? []
      : [{ topic, partition, offset: within(offset, begin.get(name)!, end.get(name)!, name, warn) }];
  });
}

function within(
  offset: number,
  begin: number,
  end: number,
  name: string,
  warn: (message: string) => void,
): number {
  if (offset > end)
    warn(
      `New offset (${offset}) is higher than latest offset for topic partition ${name}. Value will be set ` +
        `to ${end}`,
    );
  if (offset < begin)
    warn(
      `New offset (${offset}) is lower than earliest offset for topic partition ${name}. Value will be set ` +
        `to ${begin}`,
    );
  return Math.min(Math.max(offset, begin), end);
}

/**
 * An ISO 8601 duration such as `P7DT2H` in ms. Throws CONFIG_EXCEPTION, also for years and months, which have
 * no fixed length.
 */
export function parseDuration(text: string): number {
  const match = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text);
  if (!match || text === 'P' || text.endsWith('T'))
    throw new KafkaError('CONFIG_EXCEPTION', `'${text}' is not a duration in the format PnDTnHnMnS`);
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/** `YYYY-MM-DDTHH:mm:SS.sss` in ms since 1970, with or without a zone (then UTC). Throws CONFIG_EXCEPTION. */
export function parseDateTime(text: string, parse: (text: string) => number): number {
  const shape = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(text);
  const ms = shape ? parse(shape[3] ? text : `${text}Z`) : NaN;
  if (Number.isNaN(ms))
    throw new KafkaError('CONFIG_EXCEPTION', `'${text}' is not a time in the format YYYY-MM-DDTHH:mm:SS.sss`);
  return ms;
}

/**
 * Parses rows `topic,partition,offset`, as --export writes them. Throws CONFIG_EXCEPTION that names the
 * invalid line.
 */
export function parseOffsetsFile(text: string): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const line of text
    .split(/\r?\n/)
    .map((one) => one.trim())
    .filter((one) => one !== '')) {
    const match = /^"?([^",]+)"?,(\d+),(\d+)$/.exec(line);
    if (!match) throw new KafkaError('CONFIG_EXCEPTION', `'${line}' is not a line topic,partition,offset`);
    offsets.set(tpName({ topic: match[1]!, partition: Number(match[2]) }), Number(match[3]));
  }
  return offsets;
}
