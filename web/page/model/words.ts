/** Times, names and lists as they stand in a sentence. */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A moment of virtual time: 12.480 s. */
export function moment(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

/** How long after something: +0, +12 ms, +6.0 s. */
export function since(ms: number): string {
  if (ms < 0.5) return '+0';
  if (ms < 1000) return `+${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `+${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

/** 1, 2 and 3. */
export function listed(values: readonly (string | number)[]): string {
  if (values.length < 2) return String(values[0] ?? 'nobody');
  return `${values.slice(0, -1).join(', ')} and ${values.at(-1)}`;
}

export function speedName(speed: number): string {
  return speed >= 1 ? `${speed}×` : `1/${Math.round(1 / speed)}`;
}

/** broker-2 as broker 2; the others keep their names. */
export function hostName(host: string): string {
  return host === 'zookeeper' ? 'ZooKeeper' : host.replace(/^(broker|client)-(\d+)$/, '$1 $2');
}

/** For the beginning of a sentence. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
