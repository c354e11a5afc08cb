/** How many connections there may be, and who always gets one. */
import { Clock } from '../../src/common/host';
import { ConnectionLimits, ConnectionQuotas, ipOf } from '../../src/network/connection-quotas';

function quotas(limits: Partial<ConnectionLimits>, ...brokerListeners: readonly string[]) {
  const time = { nowMs: 0 };
  const clock = { monotonicMs: () => time.nowMs } as Clock;
  const none = { maxConnections: Infinity, creationRate: Infinity, maxPerIp: Infinity };
  const all = { ...none, perIpOverrides: new Map(), listeners: new Map(), ...limits };
  return { time, quotas: new ConnectionQuotas(clock, all, brokerListeners) };
}

const opened = (one: ConnectionQuotas, listener: string, ip: string, times: number) =>
  Array.from({ length: times }, () => one.open(listener, ip)).filter(({ refusal }) => refusal === undefined)
    .length;

test('max.connections holds over all listeners, but for those that only brokers use', () => {
  const { quotas: one } = quotas({ maxConnections: 5 }, 'BROKER', 'CONTROL');
  expect(opened(one, 'CLIENT', 'a', 3) + opened(one, 'OTHER', 'b', 3)).toBe(5);
  expect(one.open('CLIENT', 'c')).toEqual({ refusal: 'max.connections (5) reached', isFull: true });
  expect(opened(one, 'BROKER', 'd', 10) + opened(one, 'CONTROL', 'd', 10)).toBe(20);
  one.close('CLIENT', 'a');
  expect(opened(one, 'CLIENT', 'c', 1)).toBe(0);
  for (let i = 0; i < 20; i++) one.close(i < 10 ? 'BROKER' : 'CONTROL', 'd');
  expect(opened(one, 'CLIENT', 'c', 3)).toBe(1);
});

test('a listener has a bound of its own, that of brokers too', () => {
  const listeners = new Map(
    ['CLIENT', 'BROKER'].map((name) => [name, { maxConnections: 2, creationRate: Infinity }]),
  );
  const { quotas: one } = quotas({ maxConnections: 100, listeners }, 'BROKER');
  expect(opened(one, 'CLIENT', 'a', 5)).toBe(2);
  expect(opened(one, 'BROKER', 'a', 5)).toBe(2);
  expect(opened(one, 'OTHER', 'a', 5)).toBe(5);
  expect(one.open('CLIENT', 'a')).toEqual({
    refusal: 'listener.name.client.max.connections (2) reached',
    isFull: false,
  });
});

test('an address has its bound, or the one that is set for it', () => {
  const { quotas: one } = quotas({
    maxPerIp: 2,
    perIpOverrides: new Map([
      ['b', 4],
      ['c', 0],
    ]),
  });
  expect(['a', 'b', 'c', 'd'].map((ip) => opened(one, 'CLIENT', ip, 10))).toEqual([2, 4, 0, 2]);
  one.close('CLIENT', 'a');
  expect(opened(one, 'CLIENT', 'a', 10)).toBe(1);
});

test('beyond the rate connections wait up to a second, and beyond that they are refused', () => {
  const { time, quotas: one } = quotas({ creationRate: 10 }, 'BROKER');
  const delays = Array.from({ length: 30 }, () => one.open('CLIENT', 'a')).map((admission) =>
    admission.refusal === undefined ? Math.round(admission.delayMs) : 'refused',
  );
  expect(delays.slice(0, 10)).toEqual(new Array(10).fill(0));
  expect(delays.slice(10, 20)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  expect(delays.slice(20)).toEqual(new Array(10).fill('refused'));
  expect(one.open('BROKER', 'b')).toEqual({ refusal: undefined, delayMs: 0 });
  time.nowMs = 3000;
  expect(one.open('CLIENT', 'a')).toEqual({ refusal: undefined, delayMs: 0 });
});

test('an address is known without its port, whichever protocol it comes by', () => {
  const names = ['10.0.0.1:5', '::ffff:10.0.0.1:5', '::1:5', 'client-1'];
  expect(names.map(ipOf)).toEqual(['10.0.0.1', '10.0.0.1', '::1', 'client-1']);
});
