/** The wire: what goes in comes out, other languages can read it, and hostile bytes cost nothing. */
import { unpack, Packr } from 'msgpackr';
import { allApis, apiByKey } from '../../src/protocol/apis';
import { FrameParser } from '../../src/protocol/frame-parser';
import { fetch, produce } from '../../src/protocol/messages/produce-fetch';
import { Schema } from '../../src/protocol/schema';
import { ProtocolError } from '../../src/protocol/scan';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/wire';
import { Prng } from '../../src/simulation/prng';

/** Some value of the schema. */
function sample(schema: Schema<unknown>, random: Prng): unknown {
  switch (schema.kind) {
    case 'int8': return random.between(-128, 127);
    case 'int16': return random.between(-32768, 32767);
    case 'int32': return random.between(-(2 ** 31), 2 ** 31 - 1);
    case 'int64': return random.pick([0, -1, 5, 2 ** 31, 2 ** 33, -(2 ** 40), 1600000000000, Number.MAX_SAFE_INTEGER]);
    case 'bool': return random.chance(0.5);
    case 'string': return random.pick(['', 'topic', 'ключ', 'x'.repeat(300)]);
    case 'nullableString': return random.pick([null, 'x']);
    case 'bytes': return random.bytes(random.below(400));
    case 'records': return [random.bytes(random.below(400))];
    case 'array': return Array.from({ length: random.below(20) }, () => sample(schema.of, random));
    case 'struct': return Object.fromEntries(schema.fields.map((field) => [field.name, sample(field.type, random)]));
  }
}

const body = (chunks: Buffer[]) => Buffer.concat(chunks).subarray(4);

test('every message of every API round-trips, and its length prefix is right', () => {
  const random = new Prng('wire');
  for (const api of allApis) {
    for (let i = 0; i < 20; i++) {
      const request = sample(api.request, random);
      const frame = Buffer.concat(encodeRequest(api, 7, 'client', request));
      expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
      expect(decodeRequest(frame.subarray(4), apiByKey)).toMatchObject({ header: { apiKey: api.key, correlationId: 7, clientId: 'client' }, body: request });
      const response = sample(api.response, random);
      expect(decodeResponse(body(encodeResponse(api, 9, response)), api)).toEqual(response);
    }
  }
});

test('a frame is plain msgpack: any library reads it as nested arrays', () => {
  const records = Buffer.from('bytes of a batch');
  const request = { acks: -1, timeoutMs: 30000, topicData: [{ name: 't', partitionData: [{ index: 3, records: [records.subarray(0, 5), records.subarray(5)] }] }] };
  expect(unpack(body(encodeRequest(produce, 1, 'c', request)))).toEqual([0, 0, 1, 'c', [-1, 30000, [['t', [[3, records]]]]]]);
});

test('a record set is sent from where it stands, without a copy', () => {
  const records = Buffer.alloc(1000, 1);
  const chunks = encodeResponse(fetch, 1, { errorCode: 0, responses: [{ topic: 't', partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 5, lastStableOffset: 5, logStartOffset: 0, records: [records] }] }] });
  expect(chunks.some((chunk) => chunk === records)).toBe(true);
});

describe('hostile frames', () => {
  const packr = new Packr({ useRecords: false });
  const refuse = (frame: Buffer) => expect(() => decodeRequest(frame, apiByKey)).toThrow(ProtocolError);
  const produceHead = [0, 0, 1, 'c'];

  test('what is not a request is refused with a reason', () => {
    refuse(Buffer.alloc(0));
    refuse(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    refuse(packr.pack({ apiKey: 0 }));
    refuse(packr.pack([999, 0, 1, 'c', []]));
    refuse(packr.pack([0, 5, 1, 'c', []]));
    refuse(packr.pack([...produceHead, [1, 2]]));
    refuse(packr.pack([...produceHead, ['1', 0, []]]));
    refuse(packr.pack([...produceHead, [1, 2.5, []]]));
    refuse(packr.pack([...produceHead, [70000, 0, []]]));
    refuse(Buffer.concat([packr.pack([...produceHead, [1, 0, []]]), Buffer.of(0)]));
    refuse(packr.pack([...produceHead, [1, 0, [['t', [[0, null]]]]]]));
    refuse(packr.pack([...produceHead, [1, 0, new Map([['a', 1]])]]));
  });

  test('claims of huge arrays, strings and binaries are refused without allocating', () => {
    const head = packr.pack(produceHead).subarray(1);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (const claim of [[0xdd, 0xff, 0xff, 0xff, 0xff], [0xdb, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff], [0xc9, 0xff, 0xff, 0xff, 0xff, 1]]) {
      refuse(Buffer.concat([Buffer.of(0x95), head, Buffer.from(claim)]));
      refuse(Buffer.concat([Buffer.of(0x95), head, Buffer.of(0x93, 1, 0), Buffer.from(claim)]));
    }
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
  });

  test('depth is bounded by the schema: nested arrays are refused at the first that is too many', () => {
    refuse(Buffer.concat([Buffer.of(0x95), packr.pack(produceHead).subarray(1), Buffer.alloc(1_000_000, 0x91)]));
    refuse(Buffer.alloc(1_000_000, 0x90));
  });

  test('random damage to a good frame is refused or decodes to the schema\'s types, and never throws anything else', () => {
    const random = new Prng('fuzz');
    const good = body(encodeRequest(fetch, 1, 'c', sample(fetch.request, new Prng('good')) as never));
    for (let i = 0; i < 3000; i++) {
      const frame = Buffer.from(good);
      for (let n = 0; n <= random.below(3); n++) frame[random.below(frame.length)] = random.below(256);
      try {
        decodeRequest(random.chance(0.3) ? frame.subarray(0, random.below(frame.length)) : frame, apiByKey);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

describe('the frame parser', () => {
  const frame = (size: number) => Buffer.concat([Buffer.from([0, 0, size >> 8, size & 255]), Buffer.alloc(size, size)]);

  test('finds the same frames however the stream is cut', () => {
    const sizes = [0, 1, 3, 200, 5, 1000];
    const stream = Buffer.concat(sizes.map(frame));
    const random = new Prng('cut');
    for (let run = 0; run < 100; run++) {
      const found: number[] = [];
      const parser = new FrameParser(1000);
      for (let at = 0; at < stream.length;) {
        const end = Math.min(stream.length, at + 1 + random.below(300));
        parser.push(stream.subarray(at, end), (one) => {
          expect(one.every((byte) => byte === (one.length & 255))).toBe(true);
          found.push(one.length);
        });
        at = end;
      }
      expect(found).toEqual(sizes);
      expect(parser.bufferedBytes).toBe(0);
    }
  });

  test('refuses a frame above the limit as soon as its length is known', () => {
    expect(() => new FrameParser(999).push(Buffer.from([0, 0, 3, 232]), () => {})).toThrow('larger than the 999 allowed');
  });
});
