/**
 * Whom to ask next for metadata: in turn, connected brokers first; one with requests in flight a round later,
 * as answers of a connection come in order, and a produce request may wait for long.
 *
 * Turns matter more than load: a broker that is cut off from the controller answers promptly and is wrong,
 * and is idle because nobody's leader is there.
 *
 * [p] Kafka: clients/NetworkClient.java#leastLoadedNode@2.8.2; differs: Kafka stays with an idle connection
 */
export interface NodeLoad {
  readonly isConnected: boolean;
  readonly requestsInFlight: number;
  /** Number of the turn in which it was asked last; 0: never. */
  readonly lastTurn: number;
}

/** Index of the node to ask; `start` (a random number) breaks ties. -1 without nodes. */
export function nextNode(nodes: readonly NodeLoad[], start: number): number {
  let best = -1;
  for (let i = 0; i < nodes.length; i++) {
    const at = (start + i) % nodes.length;
    if (best < 0 || isBetter(nodes[at]!, nodes[best]!, nodes.length)) best = at;
  }
  return best;
}

/** Index of a node worth a connection, because it was asked less recently than all connected ones; -1 if there is none. */
export function nodeToConnect(nodes: readonly NodeLoad[], start: number): number {
  const idle = nodes.map((node, at) => ({ node, at })).filter(({ node }) => !node.isConnected);
  const found =
    idle[
      nextNode(
        idle.map(({ node }) => node),
        start,
      )
    ];
  return found && nodes.every((other) => !other.isConnected || other.lastTurn >= found.node.lastTurn)
    ? found.at
    : -1;
}

function isBetter(a: NodeLoad, b: NodeLoad, round: number): boolean {
  if (a.isConnected !== b.isConnected) return a.isConnected;
  const turn = ({ lastTurn, requestsInFlight }: NodeLoad) => lastTurn + (requestsInFlight > 0 ? round : 0);
  return turn(a) !== turn(b) ? turn(a) < turn(b) : a.requestsInFlight < b.requestsInFlight;
}
