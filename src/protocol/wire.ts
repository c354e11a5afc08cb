/**
 * The frames of requests and responses: a u32 length, then `[apiKey, apiVersion, correlationId, clientId,
 * body]` for a request and `[correlationId, body]` for a response (design D4).
 *
 * [p] Kafka: common/requests/{RequestHeader,ResponseHeader}.java@2.8.2
 */
import { decodeFrame, encodeFrame } from './codec';
import { fetch, offsetForLeaderEpoch } from './messages/produce-fetch';
import { controlledShutdown, leaderAndIsr, stopReplica, updateMetadata } from './messages/replica-control';
import { RequestLimits, requestLimits } from './request-limits';
import { Api } from './schema';
import { ProtocolError, Scanner } from './scan';

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

export function encodeRequest<Q, R>(
  api: Api<Q, R>,
  correlationId: number,
  clientId: string | null,
  body: Q,
): Buffer[] {
  return encodeFrame([api.key, api.maxVersion, correlationId, clientId], api.request, body);
}

export function encodeResponse<Q, R>(api: Api<Q, R>, correlationId: number, body: R): Buffer[] {
  return encodeFrame([correlationId], api.response, body);
}

const REQUEST_FIELDS = 5;

/** Checks a request frame (without the length) and decodes it. Throws ProtocolError. */
export function decodeRequest(
  frame: Buffer,
  apis: ReadonlyMap<number, Api>,
): { header: RequestHeader; api: Api; body: unknown } {
  const scanner = new Scanner(frame);
  if (scanner.arrayLength() !== REQUEST_FIELDS) throw new ProtocolError('a request is an array of five');
  const apiKey = scanner.integer();
  const apiVersion = scanner.integer();
  const correlationId = scanner.integer();
  scanner.skipString(true);
  const api = apis.get(apiKey);
  if (api === undefined) throw new ProtocolError(`unknown api key ${apiKey}`);
  if (apiVersion < 0 || apiVersion > api.maxVersion)
    throw new ProtocolError(`unsupported version ${apiVersion} of ${api.name}`);
  if (correlationId < -(2 ** 31) || correlationId >= 2 ** 31)
    throw new ProtocolError('the correlation id does not fit 32 bits');
  const limits = requestLimits(apiKey);
  requireSize(api.name, frame.length, limits);
  scanner.rowsLeft = limits.maxRows;
  scanner.skip(api.request);
  scanner.end();
  const { head, body } = decodeFrame(frame, api.request);
  return { header: { apiKey, apiVersion, correlationId, clientId: head[3] as string | null }, api, body };
}

function requireSize(name: string, bytes: number, { maxBytes }: RequestLimits): void {
  if (bytes > maxBytes)
    throw new ProtocolError(`a ${name} request of ${bytes} bytes is larger than the ${maxBytes} allowed`);
}

/**
 * The limits of the request that begins with `head`. `bytes` is the length of its frame. Throws ProtocolError
 * if the frame is too large for its API, or if it is not a request.
 */
export function limitsOf(head: Buffer, bytes: number, apis: ReadonlyMap<number, Api>): RequestLimits {
  const scanner = new Scanner(head);
  scanner.arrayLength();
  const apiKey = scanner.integer();
  const limits = requestLimits(apiKey);
  requireSize(apis.get(apiKey)?.name ?? `key ${apiKey}`, bytes, limits);
  return limits;
}

/** Enough bytes to recognize any request between brokers. */
export const REQUEST_HEAD_BYTES = 256;
const CONTROL_API_KEYS = [leaderAndIsr, stopReplica, updateMetadata, controlledShutdown].map(
  ({ key }) => key,
);
const REPLICATION_API_KEYS = [fetch, offsetForLeaderEpoch].map(({ key }) => key);

/** Whether this incarnation of a broker is alive, according to the last UpdateMetadata. */
export type IsLiveBroker = (brokerId: number, brokerEpoch: number) => boolean;

/**
 * Whether the request that begins with `head` is one that only brokers send: replication or control. Any
 * client can put a broker id into a Fetch, whose response may be large. Therefore the broker epoch in it has
 * to match as well: brokers know it, and clients are never sent it.
 */
export function isBrokerRequest(head: Buffer, isLive: IsLiveBroker): boolean {
  try {
    const scanner = new Scanner(head);
    if (scanner.arrayLength() !== REQUEST_FIELDS) return false;
    const apiKey = scanner.integer();
    if (CONTROL_API_KEYS.includes(apiKey)) return true;
    if (!REPLICATION_API_KEYS.includes(apiKey)) return false;
    scanner.integer();
    scanner.integer();
    scanner.skipString(true);
    scanner.arrayLength();
    const replicaId = scanner.integer();
    if (replicaId < 0) return false;
    return apiKey !== fetch.key || isLive(replicaId, scanner.integer());
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

export function responseCorrelationId(frame: Buffer): number {
  const scanner = new Scanner(frame);
  if (scanner.arrayLength() !== 2) throw new ProtocolError('a response is an array of two');
  return scanner.integer();
}

export function decodeResponse<Q, R>(frame: Buffer, api: Api<Q, R>): R {
  const scanner = new Scanner(frame);
  scanner.arrayLength();
  scanner.integer();
  scanner.skip(api.response as Api['response']);
  scanner.end();
  return decodeFrame(frame, api.response).body;
}
