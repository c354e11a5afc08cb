/**
 * Targets for data from a connection: frames in a stream, requests, responses.
 */
import { buildBatch } from '../../record/batch-builder';
import { Prng } from '../../simulation/prng';
import { allApis, apiByKey } from '../../protocol/apis';
import { FrameParser } from '../../protocol/frame-parser';
import { Schema } from '../../protocol/schema';
import { ProtocolError } from '../../protocol/scan';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  isBrokerRequest,
  RequestHeader,
} from '../../protocol/wire';
import { Api } from '../../protocol/schema';
import { FuzzTarget } from '../fuzz-target';

const isProtocolError = (error: unknown) => error instanceof ProtocolError;
const MAX_FRAME_BYTES = 2000;

/** A random value that fits the schema. */
export function sampleOf(schema: Schema<unknown>, random: Prng): unknown {
  switch (schema.kind) {
    case 'int8':
      return random.between(-128, 127);
    case 'int16':
      return random.between(-32768, 32767);
    case 'int32':
      return random.between(-(2 ** 31), 2 ** 31 - 1);
    case 'int64':
      return random.pick([0, -1, 5, 2 ** 33, -(2 ** 40), Number.MAX_SAFE_INTEGER]);
    case 'bool':
      return random.chance(0.5);
    case 'string':
      return random.pick(['', 'topic', 'ключ']);
    case 'nullableString':
      return random.pick([null, 'x']);
    case 'bytes':
      return random.bytes(random.below(20));
    case 'records':
      return [buildBatch([{ timestamp: 1, value: random.bytes(3) }])];
    case 'array':
      return Array.from({ length: random.below(3) }, () => sampleOf(schema.of, random));
    case 'struct':
      return Object.fromEntries(schema.fields.map((field) => [field.name, sampleOf(field.type, random)]));
  }
}

const withoutLength = (chunks: readonly Buffer[]) => Buffer.concat(chunks).subarray(4);

const request: FuzzTarget = {
  name: 'request',
  seeds: () => {
    const random = new Prng('request');
    return allApis.flatMap((api) =>
      [1, 2].map((id) => withoutLength(encodeRequest(api, id, 'client', sampleOf(api.request, random)))),
    );
  },
  decode: (input) => {
    isBrokerRequest(input.subarray(0, 256), () => true);
    const { header, api, body } = decodeRequest(input, apiByKey);
    return { header, api: api.name, body };
  },
  isRefusal: isProtocolError,
  encode: ({ header, body }: { header: RequestHeader; body: unknown }) => {
    const api = apiByKey.get(header.apiKey)!;
    return withoutLength(encodeRequest(api, header.correlationId, header.clientId, body));
  },
};

const apiOf = (input: Buffer): Api => allApis[(input[0] ?? 0) % allApis.length]!;

/** The first byte selects the API of the response; the rest is its body. */
const response: FuzzTarget = {
  name: 'response',
  seeds: () => {
    const random = new Prng('response');
    return allApis.map((api, i) =>
      Buffer.concat([Buffer.of(i), withoutLength(encodeResponse(api, 1, sampleOf(api.response, random)))]),
    );
  },
  decode: (input) => ({
    api: (input[0] ?? 0) % allApis.length,
    body: decodeResponse(input.subarray(1), apiOf(input)),
  }),
  isRefusal: isProtocolError,
  encode: ({ api, body }: { api: number; body: unknown }) =>
    Buffer.concat([Buffer.of(api), withoutLength(encodeResponse(allApis[api]!, 1, body))]),
};

interface Parsed {
  readonly frames: readonly Buffer[];
  readonly rest: number;
}

function parse(chunks: readonly Buffer[]): Parsed {
  const parser = new FrameParser(MAX_FRAME_BYTES);
  const frames: Buffer[] = [];
  for (const chunk of chunks) {
    parser.push(chunk, (frame) => {
      frames.push(Buffer.from(frame));
    });
    if (parser.bufferedBytes > MAX_FRAME_BYTES + chunk.length)
      throw new Error('more is held back than a frame and a chunk');
  }
  return { frames, rest: parser.bufferedBytes };
}

/** The first byte determines in which pieces the rest arrives. */
const stream: FuzzTarget = {
  name: 'stream',
  seeds: () =>
    [1, 3, 50].map((size) =>
      Buffer.concat([
        Buffer.of(size),
        ...[0, 5, 40].map((length) => {
          const frame = Buffer.alloc(4 + length, length);
          frame.writeUInt32BE(length);
          return frame;
        }),
      ]),
    ),
  decode: (input) => {
    const bytes = input.subarray(1);
    const whole = parse([bytes]);
    const size = Math.max(1, input[0] ?? 1);
    const pieces = parse(
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      ),
    );
    const isEqual =
      whole.frames.length === pieces.frames.length &&
      whole.frames.every((frame, i) => frame.equals(pieces.frames[i]!));
    if (!isEqual || whole.rest !== pieces.rest)
      throw new Error('pieces of a stream give other frames than the whole');
    return whole.frames;
  },
  isRefusal: isProtocolError,
};

export const wireTargets: readonly FuzzTarget[] = [request, response, stream];
