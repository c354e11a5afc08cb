/**
 * How long the parts of a failover took, from the timeline: detect, elect, propagate, client recovers. Milliseconds.
 */

export interface Spans {
  /** Fault until the controller knew. */
  readonly detectMs: number | null;
  /** ... until ZooKeeper had the new leader (or controller). */
  readonly electMs: number | null;
  /** ... until the new leader had heard of it. */
  readonly propagateMs: number | null;
  /** ... until the first record was acknowledged again. */
  readonly clientRecoversMs: number | null;
  readonly totalMs: number | null;
}

type Event = Readonly<Record<string, unknown>>;

function first(timeline: readonly Event[], sinceMs: number, accept: (event: Event) => boolean): number | undefined {
  const found = timeline.find((event) => Number(event.time) >= sinceMs && accept(event));
  return found && Number(found.time);
}

function between(from: number | undefined, to: number | undefined): number | null {
  return from === undefined || to === undefined ? null : Math.max(0, to - from);
}

/** A dead leader of one partition: who noticed, who was elected, when acknowledgements came back. */
export function leaderFailoverSpans(timeline: readonly Event[], faultMs: number, dead: number, firstAckMs: number | undefined): Spans {
  const elected = timeline.find((event) => Number(event.time) >= faultMs && event.what === 'leader-elected' && event.leader !== dead && (event.from === dead || event.from === -1));
  const electedMs = elected && Number(elected.time);
  const noticed = first(timeline, faultMs, (event) => (event.what === 'broker-change' && (event.removed as number[]).includes(dead)) || event.what === 'controller-elected');
  const leads = elected && first(timeline, electedMs!, (event) => event.what === 'became-leader' && event.broker === elected.leader && event.leaderEpoch === elected.leaderEpoch);
  return { detectMs: between(faultMs, noticed), electMs: between(noticed, electedMs), propagateMs: between(electedMs, leads), clientRecoversMs: between(leads, firstAckMs), totalMs: between(faultMs, firstAckMs) };
}

/** A dead controller: how long until another was elected, and had taken over. */
export function controllerFailoverSpans(timeline: readonly Event[], faultMs: number, firstAckMs: number | undefined): Spans {
  const elected = first(timeline, faultMs, (event) => event.what === 'controller-elected');
  const firstWord = elected === undefined ? undefined : first(timeline, elected, (event) => event.what === 'leader-elected' || event.what === 'replica-left-isr');
  return { detectMs: between(faultMs, elected), electMs: between(elected, firstWord), propagateMs: null, clientRecoversMs: null, totalMs: between(faultMs, firstAckMs) };
}

export function showSpans({ detectMs, electMs, propagateMs, clientRecoversMs, totalMs }: Spans): string {
  const ms = (value: number | null) => (value === null ? '–' : `${value} ms`);
  return `detect ${ms(detectMs)} · elect ${ms(electMs)} · propagate ${ms(propagateMs)} · client recovers ${ms(clientRecoversMs)} · in all ${ms(totalMs)}`;
}
