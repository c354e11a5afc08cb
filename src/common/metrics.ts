/**
 * Counters and gauges, named as Kafka's JMX beans so that Kafka's monitoring documentation applies.
 *
 * A counter is a number in a map, so that counting costs one addition. Each broker and client has its own
 * instance; no module has a global one.
 *
 * Kafka: metrics/KafkaMetricsGroup.scala@2.8.2; differs: no rates and histograms, which a monitoring system
 * computes.
 */
export class Metrics {
  private readonly counters = new Map<string, number>();
  private readonly gauges = new Map<string, () => number>();

  mark(name: string, count = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + count);
  }

  gauge(name: string, read: () => number): void {
    this.gauges.set(name, read);
  }

  count(name: string): number {
    return this.counters.get(name) ?? 0;
  }

  /** The value of the counter or gauge of this name; undefined if there is none. */
  read(name: string): number | undefined {
    return this.gauges.get(name)?.() ?? this.counters.get(name);
  }

  /** The values of all metrics by name, sorted by name. */
  snapshot(): Record<string, number> {
    const all: [string, number][] = [
      ...this.counters,
      ...[...this.gauges].map(([n, g]): [string, number] => [n, g()]),
    ];
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
