/**
 * The durations of the parts of a failover, from the timeline, in ms: detect, elect, propagate, client
 * recovers.
 */

export interface Spans {
  /** From the fault until the controller noticed. */
  readonly detectMs: number | null;
  /** … until the new leader (or controller) was in ZooKeeper. */
  readonly electMs: number | null;
  /** … until the new leader had received its LeaderAndIsr request. */
  readonly propagateMs: number | null;
  /** … until the first record was acknowledged again. */
  readonly clientRecoversMs: number | null;
  readonly totalMs: number | null;
}

type Event = Readonly<Record<string, unknown>>;

function first(
  timeline: readonly Event[],
  sinceMs: number,
  accept: (event: Event) => boolean,
): number | undefined {
  const found = timeline.find((event) => Number(event.time) >= sinceMs && accept(event));
  return found && Number(found.time);
}

function between(from: number | undefined, to: number | undefined): number | null {
  return from === undefined || to === undefined ? null : Math.max(0, to - from);
}

/**
 * For the failure of a partition's leader: when it was noticed, when a new leader was elected, when
 * acknowledgements resumed.
 */
export function leaderFailoverSpans(
  timeline: readonly Event[],
  faultMs: number,
  dead: number,
  firstAckMs: number | undefined,
): Spans {
  const elected = timeline.find(
    (event) =>
      Number(event.time) >= faultMs &&
      event.what === 'leader-elected' &&
      event.leader !== dead &&
      (event.from === dead || event.from === -1),
  );
  const electedMs = elected && Number(elected.time);
  const noticed = first(
    timeline,
    faultMs,
    (event) =>
      (event.what === 'broker-change' && (event.removed as number[]).includes(dead)) ||
      event.what === 'controller-elected',
  );
  const leads =
    elected &&
    first(
      timeline,
      electedMs!,
      (event) =>
        event.what === 'became-leader' &&
        event.broker === elected.leader &&
        event.leaderEpoch === elected.leaderEpoch,
    );
  return {
    detectMs: between(faultMs, noticed),
    electMs: between(noticed, electedMs),
    propagateMs: between(electedMs, leads),
    clientRecoversMs: between(leads, firstAckMs),
    totalMs: between(faultMs, firstAckMs),
  };
}

/** For the failure of the controller: when another was elected, and when it had taken over. */
export function controllerFailoverSpans(
  timeline: readonly Event[],
  faultMs: number,
  firstAckMs: number | undefined,
): Spans {
  const elected = first(timeline, faultMs, (event) => event.what === 'controller-elected');
  const firstWord =
    elected === undefined
      ? undefined
      : first(
          timeline,
          elected,
          (event) => event.what === 'leader-elected' || event.what === 'replica-left-isr',
        );
  return {
    detectMs: between(faultMs, elected),
    electMs: between(elected, firstWord),
    propagateMs: null,
    clientRecoversMs: null,
    totalMs: between(faultMs, firstAckMs),
  };
}

export function showSpans({ detectMs, electMs, propagateMs, clientRecoversMs, totalMs }: Spans): string {
  const ms = (value: number | null) => (value === null ? '–' : `${value} ms`);
  return (
    `detect ${ms(detectMs)} · elect ${ms(electMs)} · propagate ${ms(propagateMs)} · client recovers ` +
    `${ms(clientRecoversMs)} · in all ${ms(totalMs)}`
  );
}
