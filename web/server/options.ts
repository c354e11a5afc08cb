/** What `scripts/lab` is told on its command line. */
export interface Options {
  /** The folder with the built page. */
  readonly page: string;
  readonly port: number | undefined;
  readonly isReal: boolean;
  readonly brokers: number;
  readonly profile: string;
  /** A ZooKeeper's connect string. */
  readonly attach: string | undefined;
  readonly listener: string | undefined;
  /** Of the cluster that is joined: with `broker-N` in it. */
  readonly directory: string | undefined;
  /** Waits in `directory` for the cluster of a story, which is looked at, and nothing is done to it. */
  readonly isWatching: boolean;
  /** A timeline.ndjson. */
  readonly replay: string | undefined;
}

const WITH_VALUE = ['--port', '--brokers', '--profile', '--attach', '--listener', '--directory', '--replay'];
const WITHOUT = ['--real', '--watch'];
export const MAX_BROKERS = 9;

function number(text: string | undefined, name: string, max: number, min = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`${name} wants a number from ${min} to ${max}`);
}

/** `[page, ...options]`. Throws an Error that explains. */
export function optionsOf([page, ...args]: readonly string[]): Options {
  if (page === undefined) throw new Error('which folder?');
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!;
    if (WITHOUT.includes(name)) values.set(name, '');
    else if (!WITH_VALUE.includes(name)) throw new Error(`'${name}' is not known; --help says what is`);
    else {
      const value = args[++i];
      if (value === undefined || value.startsWith('--')) throw new Error(`${name} wants a value`);
      values.set(name, value);
    }
  }
  const sources = ['--real', '--attach', '--watch', '--replay'].filter((name) => values.has(name));
  if (sources.length > 1) throw new Error(`${sources.join(' and ')} do not go together`);
  if (values.has('--watch') && !values.has('--directory')) throw new Error('--watch wants a --directory');
  return {
    page,
    port: number(values.get('--port'), '--port', 65535),
    isReal: values.has('--real'),
    brokers: number(values.get('--brokers'), '--brokers', MAX_BROKERS, 1) ?? 3,
    profile: values.get('--profile') ?? 'classroom',
    attach: values.get('--attach'),
    listener: values.get('--listener'),
    directory: values.get('--directory'),
    isWatching: values.has('--watch'),
    replay: values.get('--replay'),
  };
}
