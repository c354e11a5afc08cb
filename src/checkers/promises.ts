/**
 * What is promised of a partition at a moment, and which members of its ISR may have lost what they had. The
 * moment checks keep one for each partition, from the writes of its state, acknowledgements and faults.
 */

export interface Promises {
  /** The offset of the last record that was acknowledged or committed and is still promised; -1: none. */
  lastAcked: number;
  /** Maps an offset to the checksum of its batch; undefined: not known. */
  readonly acked: Map<number, number | undefined>;
  /**
   * Members of the ISR that lost power and have not left the ISR since, with their broker epoch at that time.
   */
  readonly unsound: Map<number, number | undefined>;
  /** Members of the ISR that may count as having lost something, and have not left the ISR since. */
  readonly unsure: Set<number>;
  /** Members that lost power with closed logs, and may have kept all that they had. */
  readonly closed: Set<number>;
  isr: readonly number[];
  leaderEpoch: number;
  /** The zxid of the write. */
  writtenAt: number;
  /** The highest high watermark of a leader so far. */
  committed: number;
  /**
   * Records below this offset are no longer promised, even if an acknowledgement for one of them comes later.
   */
  releasedBelow: number;
  /** Leaders of older epochs may not know that they were replaced: what they acknowledge is no promise. */
  promisesFromEpoch: number;
  /**
   * After an unclean election a leader of an older epoch may still acknowledge records. They are not
   * promises.
   */
  wasElectedUncleanly: boolean;
}

/** Of a partition of which no state was written yet. */
export function noPromises(): Promises {
  return {
    lastAcked: -1,
    acked: new Map(),
    unsound: new Map(),
    unsure: new Set(),
    closed: new Set(),
    isr: [],
    leaderEpoch: 0,
    writtenAt: 0,
    committed: 0,
    releasedBelow: 0,
    promisesFromEpoch: 0,
    wasElectedUncleanly: false,
  };
}
