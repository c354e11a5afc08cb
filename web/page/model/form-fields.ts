/** The fields of forms, and what a user typed into them as values. What is wrong is thrown as a sentence. */
import { Action, Run } from '../../shared/run';
import { State } from '../../shared/state';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly doc: string;
  readonly kind: 'text' | 'number' | 'choice' | 'check';
  /** Of a choice; of a text, what is offered. */
  readonly options?: readonly string[];
  /** At first; `true` or `false` of a check. */
  readonly value: string;
}

export type Values = Readonly<Record<string, string>>;
export type Outcome =
  { readonly actions: readonly Action[] } | { readonly run: Run } | { readonly problem: string };
export type FormState = Pick<State, 'brokers' | 'producers' | 'consumers' | 'znodes'>;

export const text = (
  name: string,
  label: string,
  value: string,
  doc: string,
  options?: readonly string[],
): Field => ({
  ...{ name, label, value, doc, kind: 'text' },
  ...(options ? { options } : {}),
});
export const number = (name: string, label: string, value: number, doc: string): Field => ({
  ...{ name, label, doc, kind: 'number', value: String(value) },
});
export const choice = (name: string, label: string, options: readonly string[], doc: string): Field => ({
  ...{ name, label, doc, options, kind: 'choice', value: options[0] ?? '' },
});
export const check = (name: string, label: string, is: boolean, doc: string): Field => ({
  ...{ name, label, doc, kind: 'check', value: String(is) },
});
export const others = text('settings', 'other settings', '', 'name=value, several with commas between');

export const brokerIds = ({ brokers }: FormState) => Object.keys(brokers);

export function topicsOf({ znodes }: Pick<State, 'znodes'>): string[] {
  const names = Object.values(znodes)
    .filter(({ change }) => change !== 'deleted')
    .flatMap(({ path }) => /^\/brokers\/topics\/([^/]+)$/.exec(path)?.[1] ?? []);
  return names.filter((name) => !name.startsWith('__')).sort();
}

/** p1, p2 …: the first that is free. */
export function freeName(letter: string, taken: Readonly<Record<string, unknown>>): string {
  let i = 1;
  while (`${letter}${i}` in taken) i++;
  return `${letter}${i}`;
}

/** `a=1, b=2`; a value may hold `=`, and no comma. Throws a sentence. */
export function settingsOf(said: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const one of said.split(/[,\n]/).map((part) => part.trim())) {
    if (one === '') continue;
    const at = one.indexOf('=');
    if (at < 1) throw new Error(`“${one}” is no setting: write name=value.`);
    settings[one.slice(0, at).trim()] = one.slice(at + 1).trim();
  }
  return settings;
}

export function wholeNumber(values: Values, name: string, min: number, max: number): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`${name} must be a whole number from ${min} to ${max}.`);
  return value;
}

/** `1,2,3; 2,3,1`: the replicas of partition 0, of partition 1; the first of each is the preferred leader. */
export function assignmentOf(said: string): number[][] {
  return said
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) =>
      one.split(/[\s,]+/).map((id) => {
        if (!/^[1-9]\d?$/.test(id)) throw new Error(`“${id}” is no broker: write 1,2,3; 2,3,1.`);
        return Number(id);
      }),
    );
}

/** One after the other, each partition beginning with the next broker. */
export function spread(brokers: readonly number[], partitions: number, replicas: number): number[][] {
  if (replicas > brokers.length)
    throw new Error(`There are ${brokers.length} brokers for ${replicas} replicas.`);
  return Array.from({ length: partitions }, (_, p) =>
    Array.from({ length: replicas }, (_one, r) => brokers[(p + r) % brokers.length]!),
  );
}
