/**
 * Counters and gauges under the names of Kafka's JMX beans, so that Kafka's monitoring pages explain ours.
 *
 * A counter is a number in a map: marking it costs an addition. Owned by a broker or client, never by a module.
 * Kafka: metrics/KafkaMetricsGroup.scala@2.8.2; ours has no rates or histograms, those belong to who scrapes.
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

  /** The counter or gauge of this name; undefined if there is none. */
  read(name: string): number | undefined {
    return this.gauges.get(name)?.() ?? this.counters.get(name);
  }

  /** Every metric by name, sorted. */
  snapshot(): Record<string, number> {
    const all: [string, number][] = [...this.counters, ...[...this.gauges].map(([n, g]): [string, number] => [n, g()])];
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
