/**
 * The attacker's numbered inputs: the sweep, which puts every hostile value into every field of every API,
 * and random ones, which change several fields and then bytes.
 *
 * Invariant: an input depends only on its number and the seed, so that an input that did harm can be sent
 * again.
 *
 * [p] From the tables in src/protocol/messages.
 */
import { Api, Schema } from '../protocol/schema';
import { Prng } from '../simulation/prng';
import { buildBody, Path, pathsOf, pathText, Replace } from './base-request';
import { HostileValue, hostileValuesFor } from './hostile-values';
import { encodeNode, framed, packInteger, packString, WireNode } from './wire-node';

export interface HostileRequest {
  /** A description for people. */
  readonly what: string;
  readonly frame: Buffer;
}

/** One node of one API, and its replacement. */
interface Case {
  readonly api: Api;
  readonly path: Path;
  readonly schema: Schema<unknown>;
  readonly value: HostileValue;
}

const HEAD: readonly (readonly [name: string, kind: 'int16' | 'int32' | 'nullableString'])[] = [
  ['apiKey', 'int16'],
  ['apiVersion', 'int16'],
  ['correlationId', 'int32'],
  ['clientId', 'nullableString'],
];
const HEAD_STEP = '(head)';

function soundHead(api: Api, correlationId: number): WireNode[] {
  return [packInteger(api.key), packInteger(0), packInteger(correlationId), packString('attacker')];
}

/** A complete request in which `replace` determines the node at `path`. */
function requestNode(
  api: Api,
  correlationId: number,
  head: Readonly<Record<string, HostileValue>>,
  body: WireNode,
): WireNode {
  const fields = soundHead(api, correlationId).map((node, i) => head[HEAD[i]![0]]?.make(() => node) ?? node);
  return { items: [...fields, body] };
}

const isPrefix = (prefix: Path, path: Path) =>
  prefix.length <= path.length && prefix.every((step, i) => step === path[i]);

function requestOf({ api, path, value }: Case, correlationId: number): HostileRequest {
  const what = `${api.name} with ${value.name} as ${pathText(path) || 'its body'}`;
  if (path[0] === HEAD_STEP) {
    const node = requestNode(api, correlationId, { [path[1]!]: value }, buildBody(api));
    return { what, frame: framed(encodeNode(node)) };
  }
  const replace: Replace = (at, _, sound) =>
    at.length === path.length && isPrefix(path, at) ? value.make(sound) : undefined;
  const body = buildBody(api, replace, (at) => isPrefix(at, path));
  return { what, frame: framed(encodeNode(requestNode(api, correlationId, {}, body))) };
}

function placesOf(api: Api): { readonly path: Path; readonly schema: Schema<unknown> }[] {
  const head = HEAD.map(([name, kind]) => ({ path: [HEAD_STEP, name], schema: { kind } }));
  return [...head, ...pathsOf(api.request)];
}

/** Every hostile value in every field of every API, in a fixed order. */
export class Sweep {
  private readonly cases: readonly Case[];

  constructor(apis: readonly Api[], withLarge: boolean) {
    this.cases = apis.flatMap((api) =>
      placesOf(api).flatMap(({ path, schema }) =>
        hostileValuesFor(schema)
          .filter((value) => withLarge || !value.isLarge)
          .map((value) => ({ api, path, schema, value })),
      ),
    );
  }

  get count(): number {
    return this.cases.length;
  }

  /** The input with this number; after the last one it starts again. */
  request(number: number): HostileRequest {
    return requestOf(this.cases[number % this.cases.length]!, number % 0x7fff_ffff);
  }
}

/** Changes to the bytes of a frame, after its length. */
const BYTE_CHANGES: readonly (readonly [name: string, change: (bytes: Buffer, random: Prng) => Buffer])[] = [
  [
    'a bit turned',
    (bytes, random) => {
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    },
  ],
  [
    'a byte of its own',
    (bytes, random) => {
      bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    },
  ],
  ['its end cut off', (bytes, random) => bytes.subarray(0, random.below(bytes.length))],
  [
    'a piece taken out',
    (bytes, random) => {
      const from = random.below(bytes.length);
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(16))]);
    },
  ],
  [
    'a piece twice',
    (bytes, random) => {
      const from = random.below(bytes.length);
      const to = from + 1 + random.below(64);
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)]);
    },
  ],
  ['bytes behind it', (bytes, random) => Buffer.concat([bytes, random.bytes(1 + random.below(8))])],
];

/** A request with one to four nodes changed; in one of three requests also the bytes. */
export function randomRequest(apis: readonly Api[], seed: string, number: number): HostileRequest {
  const random = new Prng(`${seed}/${number}`);
  const api = random.pick(apis);
  const places = placesOf(api);
  const chosen = Array.from({ length: random.between(1, 4) }, () => random.pick(places)).map((place) => {
    const values = hostileValuesFor(place.schema).filter(({ isLarge }) => !isLarge || random.chance(0.02));
    return { ...place, value: random.pick(values) };
  });
  const head = Object.fromEntries(
    chosen
      .filter(({ path }) => path[0] === HEAD_STEP && random.chance(0.2))
      .map(({ path, value }) => [path[1]!, value]),
  );
  const fields = chosen.filter(({ path }) => path[0] !== HEAD_STEP);
  const find = (at: Path) => fields.find(({ path }) => at.length === path.length && isPrefix(path, at));
  const body = buildBody(
    api,
    (at, _, sound) => find(at)?.value.make(sound),
    (at) => fields.some(({ path }) => isPrefix(at, path)),
  );
  let bytes = encodeNode(requestNode(api, number % 0x7fff_ffff, head, body));
  const changes = fields.map(({ path, value }) => `${value.name} as ${pathText(path) || 'its body'}`);
  changes.push(...Object.entries(head).map(([name, value]) => `${value.name} as ${name}`));
  if (random.chance(1 / 3) && bytes.length > 0) {
    const [name, change] = random.pick(BYTE_CHANGES);
    bytes = change(bytes, random);
    changes.push(name);
  }
  return { what: `${api.name} with ${changes.join(', ') || 'nothing changed'}`, frame: framed(bytes) };
}

/** Random bytes with a length prefix that is correct or wrong. */
export function randomFrame(seed: string, number: number): HostileRequest {
  const random = new Prng(`${seed}/${number}`);
  const bytes = random.chance(0.3)
    ? Buffer.concat([Buffer.of(0x95), random.bytes(random.below(300))])
    : random.bytes(random.below(300));
  if (random.chance(0.8)) return { what: `a frame of ${bytes.length} random bytes`, frame: framed(bytes) };
  const claims = random.pick([
    0,
    1,
    bytes.length + 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    104_857_600,
    104_857_601,
  ]);
  return { what: `${bytes.length} random bytes that claim to be ${claims}`, frame: framed(bytes, claims) };
}
