/**
 * Detects Kafka brokers at start-up. Samsa and Kafka brokers cannot form one cluster, because Samsa's brokers
 * speak msgpack with each other. Before a broker registers it probes the registered brokers, and does not
 * start if one is Kafka.
 *
 * A broker that answers our ApiVersions is a Samsa broker; of the others, one that answers Kafka's
 * ApiVersions is a Kafka broker. A broker that answers neither counts as dead: the ephemeral znode of a
 * stopped broker remains for the session timeout, and a migration from Kafka to Samsa should not have to wait
 * for that.
 *
 * Kafka: protocol/ApiVersionsRequest.json version 0, KIP-35@2.8.2; the probe is ours.
 */
import { BrokerInfo, HostPort } from '../common/cluster-types';
import { Host, withDeadline } from '../common/host';
import { RpcConnection } from '../network/rpc-connection';

const PROBE_TIMEOUT_MS = 1500;
const CORRELATION_ID = 0x5a4d5341;
const CLIENT_ID = 'samsa';
const MAX_RESPONSE_BYTES = 64 * 1024;
/** Error codes of a Kafka broker's response: NONE or UNSUPPORTED_VERSION. */
const ANSWERS = [0, 35];

/** Kafka's ApiVersions request, version 0, with the length in front. */
export function kafkaApiVersionsRequest(): Buffer {
  const request = Buffer.alloc(14 + CLIENT_ID.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(CORRELATION_ID, 8);
  request.writeInt16BE(CLIENT_ID.length, 12);
  request.write(CLIENT_ID, 14, 'latin1');
  return request;
}

/** Whether the bytes are Kafka's response to that request; undefined if more bytes are needed. */
export function isKafkaAnswer(bytes: Buffer): boolean | undefined {
  if (bytes.length < 14) return undefined;
  const size = bytes.readInt32BE(0);
  const isOne =
    size >= 10 &&
    size <= MAX_RESPONSE_BYTES &&
    bytes.readInt32BE(4) === CORRELATION_ID &&
    ANSWERS.includes(bytes.readInt16BE(8));
  return isOne && size === 10 + 6 * bytes.readInt32BE(10);
}

async function isOneOfUs(host: Host, address: HostPort): Promise<boolean> {
  try {
    (
      await RpcConnection.open(host, address, { clientId: 'peer-probe', requestTimeoutMs: PROBE_TIMEOUT_MS })
    ).close();
    return true;
  } catch {
    return false;
  }
}

async function isKafka(host: Host, { host: name, port }: HostPort): Promise<boolean> {
  try {
    const connection = await host.network.dial(name, port, PROBE_TIMEOUT_MS);
    const answer = new Promise<boolean>((resolve) => {
      let received: Buffer = Buffer.alloc(0);
      connection.onClose(() => resolve(false));
      connection.onData((chunk) => {
        received = Buffer.concat([received, chunk]);
        const verdict = isKafkaAnswer(received);
        if (verdict !== undefined) resolve(verdict);
      });
    });
    connection.write([kafkaApiVersionsRequest()]);
    try {
      return await withDeadline(host.clock, PROBE_TIMEOUT_MS, answer, () => new Error('no answer'));
    } finally {
      connection.destroy('probed');
    }
  } catch {
    return false;
  }
}

/** Throws an Error if one of the registered brokers is a running Kafka broker. */
export async function refuseKafkaPeers(
  host: Host,
  brokerId: number,
  registered: readonly BrokerInfo[],
): Promise<void> {
  await Promise.all(
    registered.map(async ({ id, endpoints }) => {
      const endpoint = endpoints.find(({ securityProtocol }) => securityProtocol === 'PLAINTEXT');
      if (!endpoint || (await isOneOfUs(host, endpoint)) || !(await isKafka(host, endpoint))) return;
      throw new Error(
        `Broker ${id} at ${endpoint.host}:${endpoint.port} is a Kafka broker. Samsa and Kafka brokers ` +
          `cannot serve one cluster together: ` +
          `stop all of Kafka's first, then start broker ${brokerId}.`,
      );
    }),
  );
}
