/**
 * Chooses the broker for the next metadata request. Brokers take turns, and those with an open connection go
 * first. A broker with requests in flight is chosen one round later: the responses of a connection come in
 * order, and a produce request may take long.
 *
 * Turns matter more than load. A broker that is cut off from the controller responds promptly with old
 * metadata, and it is idle because it leads nothing.
 *
 * [p] Kafka: clients/NetworkClient.java#leastLoadedNode@2.8.2; differs: Kafka stays with an idle connection
 */
export interface NodeLoad {
  readonly isConnected: boolean;
  readonly requestsInFlight: number;
  /** The number of the turn in which this broker was last asked; 0: never. */
  readonly lastTurn: number;
}

/** The index of the node to ask; -1 if `nodes` is empty. `start` (a random number) breaks ties. */
export function nextNode(nodes: readonly NodeLoad[], start: number): number {
  let best = -1;
  for (let i = 0; i < nodes.length; i++) {
    const at = (start + i) % nodes.length;
    if (best < 0 || isBetter(nodes[at]!, nodes[best]!, nodes.length)) best = at;
  }
  return best;
}

/**
 * The index of a node to open a connection to, because it was asked less recently than all connected ones; -1
 * if there is none.
 */
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
