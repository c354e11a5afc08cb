/** An error in a handler costs its request: the client is told, and the broker goes on. */
import { errorResponse } from '../../src/broker/error-response';
import { requestRouter, RouterDeps } from '../../src/broker/request-router';
import { errorCode, InvariantError, KafkaError } from '../../src/common/errors';
import { CloseConnection, DeferredResponse, RequestContext } from '../../src/network/server-connection';
import { allApis } from '../../src/protocol/apis';
import { deleteGroups, heartbeat, listGroups } from '../../src/protocol/messages/groups';
import { produce } from '../../src/protocol/messages/produce-fetch';
import { leaderAndIsr, stopReplica, updateMetadata } from '../../src/protocol/messages/replica-control';
import { Api, Schema } from '../../src/protocol/schema';
import { decodeResponse, encodeResponse } from '../../src/protocol/wire';

const UNKNOWN = errorCode('UNKNOWN_SERVER_ERROR');

/** A value of the schema with two elements in every array. */
function sample(schema: Schema<unknown>): unknown {
  switch (schema.kind) {
    case 'struct':
      return Object.fromEntries(schema.fields.map(({ name, type }) => [name, sample(type)]));
    case 'array':
      return [sample(schema.of), sample(schema.of)];
    case 'records':
      return [Buffer.alloc(1)];
    case 'string':
    case 'nullableString':
      return 'x';
    case 'bytes':
      return Buffer.alloc(1);
    case 'bool':
      return false;
    default:
      return 1;
  }
}

/** Every error code in an answer. */
function codesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    return name === 'errorCode' ? [field as number] : codesIn(field);
  });
}

test.each(allApis.map((api) => [api.name, api] as const))(
  'an error is told in the answer of %s',
  (_, api) => {
    const response = errorResponse(api, sample(api.request), UNKNOWN);
    const told = decodeResponse(Buffer.concat(encodeResponse(api, 1, response)).subarray(4), api);
    expect(codesIn(told).length).toBeGreaterThan(0);
    expect(new Set(codesIn(told))).toEqual(new Set([UNKNOWN]));
  },
);

function router(failure: () => unknown) {
  const logged: string[] = [];
  const fatal: unknown[] = [];
  const replicas = { require: failure };
  const gate = {
    refuse: () => undefined,
    leaderAndIsr: failure,
    stopReplica: failure,
    updateMetadata: failure,
  };
  const groups = { coordinator: { heartbeat: failure }, offsets: { list: failure, deleteGroups: failure } };
  const deps = {
    host: { clock: {} },
    replicas,
    gate,
    groups,
    log: { error: (line: string) => logged.push(line) },
    onFatal: (error: unknown) => fatal.push(error),
  };
  const serve = requestRouter(deps as unknown as RouterDeps);
  const context = { header: { clientId: 'c' }, asker: { onGone: () => {} } } as unknown as RequestContext;
  const ask = async (api: Api) => {
    const answer = await serve(api, sample(api.request), context);
    return answer instanceof DeferredResponse ? answer.build(1) : answer;
  };
  return { ask, logged, fatal };
}

const asApi = (api: unknown) => api as Api;

test('a mistake in a handler is answered UNKNOWN_SERVER_ERROR, logged with its stack, and stops nobody', async () => {
  const failures = [
    () => {
      throw new TypeError('undefined is not a function');
    },
    () => {
      throw new RangeError('out of range');
    },
    () => Promise.reject(new TypeError('later')),
  ];
  for (const failure of failures) {
    const { ask, logged, fatal } = router(failure);
    expect(await ask(asApi(heartbeat))).toEqual({ errorCode: UNKNOWN });
    const rows = [
      { groupId: 'x', errorCode: UNKNOWN },
      { groupId: 'x', errorCode: UNKNOWN },
    ];
    expect(await ask(asApi(deleteGroups))).toEqual({ results: rows });
    expect(fatal).toEqual([]);
    expect(logged).toHaveLength(2);
    for (const line of logged) expect(line).toMatch(/ failed: \w+Error: .*\n +at /);
  }
});

test('so is a mistake in making an answer when it is its turn', async () => {
  const { ask, logged, fatal } = router(() => {
    throw new TypeError('undefined is not a function');
  });
  expect(await ask(asApi(listGroups))).toEqual({ errorCode: UNKNOWN, groups: [] });
  expect([fatal, logged]).toEqual([[], [expect.stringMatching(/^ListGroups failed: TypeError: .*\n +at /)]]);
});

test('an error of the world that a handler lets out is told by its name', async () => {
  const { ask } = router(() => {
    throw new KafkaError('NOT_COORDINATOR');
  });
  expect(await ask(asApi(heartbeat))).toEqual({ errorCode: errorCode('NOT_COORDINATOR') });
});

test('with acks 0 there is nobody to tell: the connection is closed', () => {
  const request = { acks: 0, timeoutMs: 0, topicData: [] };
  expect(errorResponse(asApi(produce), request, UNKNOWN)).toBeInstanceOf(CloseConnection);
});

test('a broken invariant stops the broker', async () => {
  const { ask, fatal } = router(() => {
    throw new InvariantError('broken');
  });
  await expect(ask(asApi(heartbeat))).rejects.toThrow('broken');
  expect(fatal).toEqual([new InvariantError('broken')]);
});

test('a request of the controller is not answered with an error: it is repeated', async () => {
  const { ask, fatal } = router(() => Promise.reject(new Error('ZooKeeper is away')));
  for (const api of [leaderAndIsr, stopReplica, updateMetadata]) {
    await expect(ask(asApi(api))).rejects.toThrow('ZooKeeper is away');
  }
  expect(fatal).toEqual([]);
});
