/** The wire: what goes in comes out, other languages can read it, and hostile bytes cost nothing. */
import { unpack, Packr } from 'msgpackr';
import { allApis, apiByKey } from '../../src/protocol/apis';
import { FrameParser } from '../../src/protocol/frame-parser';
import { heartbeat } from '../../src/protocol/messages/groups';
import { fetch, produce } from '../../src/protocol/messages/produce-fetch';
import { Schema } from '../../src/protocol/schema';
import { ProtocolError, Scanner } from '../../src/protocol/scan';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/wire';
import { Prng } from '../../src/simulation/prng';

/** Some value of the schema. */
function sample(schema: Schema<unknown>, random: Prng): unknown {
  switch (schema.kind) {
    case 'int8':
      return random.between(-128, 127);
    case 'int16':
      return random.between(-32768, 32767);
    case 'int32':
      return random.between(-(2 ** 31), 2 ** 31 - 1);
    case 'int64':
      return random.pick([0, -1, 5, 2 ** 31, 2 ** 33, -(2 ** 40), 1600000000000, Number.MAX_SAFE_INTEGER]);
    case 'bool':
      return random.chance(0.5);
    case 'string':
      return random.pick(['', 'topic', 'ключ', 'x'.repeat(300)]);
    case 'nullableString':
      return random.pick([null, 'x']);
    case 'bytes':
      return random.bytes(random.below(400));
    case 'records':
      return [random.bytes(random.below(400))];
    case 'array':
      return Array.from({ length: random.below(20) }, () => sample(schema.of, random));
    case 'struct':
      return Object.fromEntries(schema.fields.map((field) => [field.name, sample(field.type, random)]));
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
      expect(decodeRequest(frame.subarray(4), apiByKey)).toMatchObject({
        header: { apiKey: api.key, correlationId: 7, clientId: 'client' },
        body: request,
      });
      const response = sample(api.response, random);
      expect(decodeResponse(body(encodeResponse(api, 9, response)), api)).toEqual(response);
    }
  }
});

test('a frame is plain msgpack: any library reads it as nested arrays', () => {
  const records = Buffer.from('bytes of a batch');
  const request = {
    acks: -1,
    timeoutMs: 30000,
    topicData: [
      { name: 't', partitionData: [{ index: 3, records: [records.subarray(0, 5), records.subarray(5)] }] },
    ],
  };
  expect(unpack(body(encodeRequest(produce, 1, 'c', request)))).toEqual([
    0,
    0,
    1,
    'c',
    [-1, 30000, [['t', [[3, records]]]]],
  ]);
});

test('rows without records are packed together, as many as there are, and mixed with others they stay in order', () => {
  const row = (partitionIndex: number, records: Buffer[]) => {
    return {
      partitionIndex,
      errorCode: 3,
      highWatermark: 1,
      lastStableOffset: -1,
      logStartOffset: 2 ** 40,
      records,
    };
  };
  const responseOf = (partitions: ReturnType<typeof row>[]) => {
    return {
      errorCode: 0,
      responses: [
        { topic: 't', partitions },
        { topic: 'u', partitions },
      ],
    };
  };
  const many = responseOf(
    Array.from({ length: 1000 }, (_, i) => row(i, i % 2 === 0 ? [] : [Buffer.alloc(0)])),
  );
  const chunks = encodeResponse(fetch, 1, many);
  expect(chunks.length).toBeLessThan(20);
  const sizes = decodeResponse(body(chunks), fetch).responses.map(({ partitions }) => partitions.length);
  expect(sizes).toEqual([1000, 1000]);
  const data = Buffer.from('records');
  const mixed = responseOf([[], [data], [], [], [data], []].map((records, i) => row(i, records)));
  const read = decodeResponse(body(encodeResponse(fetch, 1, mixed)), fetch).responses[1]!.partitions;
  expect(
    read.map(({ partitionIndex, records }) => `${partitionIndex} ${Buffer.concat(records).toString()}`),
  ).toEqual(['0 ', '1 records', '2 ', '3 ', '4 records', '5 ']);
});

test('a record set is sent from where it stands, without a copy', () => {
  const records = Buffer.alloc(1000, 1);
  const chunks = encodeResponse(fetch, 1, {
    errorCode: 0,
    responses: [
      {
        topic: 't',
        partitions: [
          {
            partitionIndex: 0,
            errorCode: 0,
            highWatermark: 5,
            lastStableOffset: 5,
            logStartOffset: 0,
            records: [records],
          },
        ],
      },
    ],
  });
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

  test("a string is as long as on Kafka's wire and UTF-8, wherever it stands", () => {
    const texts: readonly (readonly [text: string | Buffer, isTaken: boolean])[] = [
      ['x'.repeat(32767), true],
      ['x'.repeat(32768), false],
      ['ж'.repeat(16383), true],
      ['ж'.repeat(16384), false],
      ['x'.repeat(2_000_000), false],
      ['', true],
      ['𝄞', true],
    ];
    const frameOf = (clientId: unknown, group: unknown) =>
      packr.pack([12, 0, 1, clientId, [group, 1, 'member', null]]);
    for (const [text, isTaken] of texts) {
      for (const frame of [frameOf('c', text), frameOf(text, 'g')]) {
        if (isTaken) expect(() => decodeRequest(frame, apiByKey)).not.toThrow();
        else refuse(frame);
      }
    }
    for (const bytes of [
      [0xff],
      [0x41, 0x80],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xc3],
    ]) {
      const good = frameOf('c', 'q'.repeat(bytes.length));
      const bad = Buffer.from(good);
      bad.set(bytes, good.indexOf('q'));
      expect(() => decodeRequest(good, apiByKey)).not.toThrow();
      refuse(bad);
    }
  });

  test('a string that nobody would take is not sent', () => {
    const members = { generationId: 1, memberId: 'm', groupInstanceId: null };
    expect(() => encodeRequest(heartbeat, 1, 'c', { groupId: 'g'.repeat(32767), ...members })).not.toThrow();
    for (const groupId of ['g'.repeat(32768), 'ж'.repeat(16384)]) {
      expect(() => encodeRequest(heartbeat, 1, 'c', { groupId, ...members })).toThrow('longer than 32767');
    }
  });

  test('claims of huge arrays, strings and binaries are refused without allocating', () => {
    const head = packr.pack(produceHead).subarray(1);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (const claim of [
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0xdb, 0xff, 0xff, 0xff, 0xff],
      [0xc6, 0xff, 0xff, 0xff, 0xff],
      [0xdf, 0xff, 0xff, 0xff, 0xff],
      [0xc9, 0xff, 0xff, 0xff, 0xff, 1],
    ]) {
      refuse(Buffer.concat([Buffer.of(0x95), head, Buffer.from(claim)]));
      refuse(Buffer.concat([Buffer.of(0x95), head, Buffer.of(0x93, 1, 0), Buffer.from(claim)]));
    }
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(
      32 * 1024 * 1024,
    );
  });

  test('depth is bounded by the schema: nested arrays are refused at the first that is too many', () => {
    refuse(
      Buffer.concat([Buffer.of(0x95), packr.pack(produceHead).subarray(1), Buffer.alloc(1_000_000, 0x91)]),
    );
    refuse(Buffer.alloc(1_000_000, 0x90));
  });

  test("random damage to a good frame is refused or decodes to the schema's types, and never throws anything else", () => {
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
  const frame = (size: number) =>
    Buffer.concat([Buffer.from([0, 0, size >> 8, size & 255]), Buffer.alloc(size, size)]);

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
    expect(() => new FrameParser(999).push(Buffer.from([0, 0, 3, 232]), () => {})).toThrow(
      'larger than the 999 allowed',
    );
  });
});

test('looking at the first bytes of a frame copies no more than the chunks that they are in', () => {
  const parser = new FrameParser(1 << 20);
  const frame = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  const sent = Buffer.concat([Buffer.from([0, 1, 0x86, 0xa0]), frame]);
  for (const [from, to] of [
    [0, 10],
    [10, 500],
    [500, 100_004],
  ] as const)
    parser.add(sent.subarray(from, to));
  const seen = parser.peek(256);
  expect(seen.equals(frame.subarray(0, 256))).toBe(true);
  expect(seen.buffer.byteLength).toBeLessThan(20_000);
  expect(parser.peek(600).equals(frame.subarray(0, 600))).toBe(true);
  expect(parser.next()!.equals(frame)).toBe(true);
});

test('what counts as UTF-8 is what decodes without a replacement, of two bytes and more', () => {
  const random = new Prng('utf-8');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const isUtf8 = (bytes: Buffer) => {
    try {
      new Scanner(Buffer.concat([Buffer.of(0xa0 | bytes.length), bytes])).skipString(false);
      return true;
    } catch {
      return false;
    }
  };
  const decodes = (bytes: Buffer) => {
    try {
      decoder.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const differs = (bytes: Buffer) => isUtf8(bytes) !== decodes(bytes);
  const found: string[] = [];
  for (let i = 0; i < 0x1_0000; i++) if (differs(Buffer.of(i >> 8, i & 0xff))) found.push(i.toString(16));
  const interesting = [
    0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
  ];
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(Array.from({ length: 3 + random.below(3) }, () => random.pick(interesting)));
    if (differs(bytes)) found.push(bytes.toString('hex'));
  }
  expect(found).toEqual([]);
});
