/**
 * Generates the page about the protocol: frames, limits, and tables of all messages. What the tables do not
 * say is in docs/writing-a-client.md. The sample bytes come from the encoder that our clients use.
 */
import { brokerConfigTable } from '../broker/broker-config';
import { allApis } from '../protocol/apis';
import { metadata } from '../protocol/messages/metadata';
import { requestLimits } from '../protocol/request-limits';
import { Schema } from '../protocol/schema';
import { encodeRequest } from '../protocol/wire';

const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/../g, '$& ').trim();
const rows = (table: readonly (readonly string[])[]): string[] => {
  return table.map((row) => `| ${row.join(' | ')} |`);
};

function typeName(schema: Schema<unknown>): string {
  return schema.kind === 'array' ? `[${typeName(schema.of)}]` : schema.kind;
}

function fields(schema: Schema<unknown>, depth = 0): string[] {
  const inner = schema.kind === 'array' ? schema.of : schema;
  if (inner.kind === 'array') return fields(inner, depth);
  if (inner.kind !== 'struct') return [];
  return inner.fields.flatMap((field, i) => [
    `${'  '.repeat(depth)}${i + 1}. \`${field.name}\` ${typeName(field.type)}: ${field.doc}`,
    ...fields(field.type, depth + 1),
  ]);
}

function contents(): string[] {
  return [
    'With this page goes [Writing a client](writing-a-client.md): how a',
    '[conversation](writing-a-client.md#a-conversation) goes, the layout of',
    '[record batches](writing-a-client.md#record-batches), the framing of the',
    '[codecs](writing-a-client.md#compression), what a [producer](writing-a-client.md#producing) and a',
    '[consumer](writing-a-client.md#fetching) have to keep in mind,',
    '[groups](writing-a-client.md#groups) with the bytes of subscriptions and assignments, and what to do ' +
      'after which',
    '[error](writing-a-client.md#errors-and-retries). Error codes are in [errors.md](errors.md).',
    '',
  ];
}

function frames(): string[] {
  const request = { topics: ['greetings'], allTopics: false, allowAutoTopicCreation: false };
  const sample = Buffer.concat(encodeRequest(metadata, 7, 'shop', request));
  const integers = 'an integer in any of its encodings, within the bounds of the type, never a float';
  return [
    '## Frames',
    '',
    'A frame is a u32 length (big-endian, not counting itself) and one msgpack array:',
    '`[apiKey, apiVersion, correlationId, clientId, body]` to the broker, `[correlationId, body]` back.',
    '`clientId` is a string or nil. The body is a struct.',
    '',
    '| type in the tables | in msgpack |',
    '|---|---|',
    ...rows([
      ['int8, int16, int32, int64', `${integers}; int64 within ±(2⁵³−1)`],
      ['bool', 'true or false'],
      ['string, nullableString', 'a `str` (UTF-8), for the latter also nil'],
      ['bytes, records', 'a `bin`, also where it is empty; never nil'],
      ['[T]', 'an array of T, never nil'],
      ['struct', 'an array of its fields in the order of the table, all of them'],
    ]),
    '',
    'Maps, floats and extensions do not occur. Responses come in the order of the requests, with their',
    'correlation ids; a request may be sent before the answer to the one before it is there. A Metadata',
    'request for the topic `greetings`, with correlation id 7 and client id `shop`:',
    '',
    `\`${hex(sample)}\``,
    '',
    'A frame that does not match these tables, an unknown api key and an unknown version are answered by',
    'closing the connection. The first request on a connection is ApiVersions.',
    '',
  ];
}

function limits(): string[] {
  const setting = (name: keyof typeof brokerConfigTable) => `\`${name}\`, ${brokerConfigTable[name].default}`;
  const batch = setting('message.max.bytes');
  const expanded = setting('produce.decompression.max.bytes');
  const closedOrRow = 'the connection is closed, or an error of the row';
  const topicNames = 'topic names 249 characters of `[a-zA-Z0-9._-]`';
  const fetched = `\`maxBytes\` of the request, ${setting('fetch.max.bytes')}; one batch always fits`;
  return [
    '## Limits',
    '',
    '| what | how much | beyond it |',
    '|---|---|---|',
    ...rows([
      ['a request', setting('socket.request.max.bytes'), 'the connection is closed'],
      ['a record batch', `\`max.message.bytes\` of the topic (${batch})`, 'MESSAGE_TOO_LARGE'],
      ['a string', `32,767 bytes, as on Kafka's wire; ${topicNames}`, closedOrRow],
      ['an int64, an offset, a timestamp', '±(2⁵³−1)', closedOrRow],
      ['a Fetch response', fetched, 'the rest comes with the next one'],
      ['requests on the way on one connection', '64', 'the broker reads on when answers have left'],
      ['the batches of a Produce request, decompressed', expanded, 'MESSAGE_TOO_LARGE'],
      ['one batch, decompressed', '256 MB', 'CORRUPT_MESSAGE'],
      ['a note with a committed offset', setting('offset.metadata.max.bytes'), 'OFFSET_METADATA_TOO_LARGE'],
      ['connections', setting('max.connections'), 'the connection is closed'],
    ]),
    '',
    'Answers may be as large as 256 MB. Whoever leaves them lying is not served any more, and loses the',
    'connection in the end. A connection on which no byte moves for `connections.max.idle.ms` is closed, and',
    'earlier where others need the room; connect again. What each kind of request may hold is said with it',
    'below.',
    '',
  ];
}

function limitsOf(apiKey: number): string {
  const { maxBytes, maxRows, isServedAlone } = requestLimits(apiKey);
  const bytes = maxBytes === Infinity ? '`socket.request.max.bytes`' : `${maxBytes / 1024} KB`;
  const alone = isServedAlone ? ' No other request of the connection is in progress beside it.' : '';
  return `At most ${bytes} and ${maxRows} rows (the elements of all its arrays).${alone}`;
}

function messages(): string[] {
  const apis = [...allApis].sort((a, b) => a.key - b.key);
  return [
    '## Messages',
    '',
    ...apis.map((api) =>
      [
        `### ${api.name} (key ${api.key}, versions 0–${api.maxVersion})`,
        '',
        api.doc,
        '',
        limitsOf(api.key),
        '',
        'Request:',
        '',
        ...fields(api.request),
        '',
        'Response:',
        '',
        ...fields(api.response),
        '',
      ].join('\n'),
    ),
  ];
}

export function protocolPage(note: string): string {
  const parts = [contents, frames, limits, messages];
  return [note, '# The wire', '', ...parts.flatMap((part) => part())].join('\n');
}
