/**
 * What is known of the brokers of a real cluster, told when it changes: their processes, their registrations
 * and sessions, who is controller.
 *
 * The server ends the session of a silent broker by a clock that nobody sees; the time that is left is
 * counted from the moment when its process was stopped or its way to ZooKeeper was cut.
 */
import { BrokerStatus } from '../../shared/events';
import { brokerHost, ZOOKEEPER } from '../../shared/run';
import { EventHub } from '../event-hub';
import { ownerOf, SeenZnode } from './tree-watch';

interface Known {
  status: BrokerStatus;
  brokerEpoch: number;
  problem: string | null;
  /** Of its registration. */
  session: string | null;
}

export class BrokerBook {
  private readonly brokers = new Map<number, Known>();
  private readonly told = new Map<number, string>();
  private readonly toldSessions = new Map<string, string>();
  private readonly silentSince = new Map<number, number>();
  private controller = -1;
  private controllerEpoch = 0;

  constructor(
    private readonly hub: EventHub,
    /** Of the brokers' sessions; undefined: not known. */
    private readonly sessionTimeoutMs: number | undefined,
  ) {}

  get ids(): number[] {
    return [...this.brokers.keys()].sort((a, b) => a - b);
  }
  get controllerId(): number {
    return this.controller;
  }

  statusOf(id: number): BrokerStatus | undefined {
    return this.brokers.get(id)?.status;
  }

  isRegistered(id: number): boolean {
    return (this.brokers.get(id)?.brokerEpoch ?? -1) >= 0;
  }

  private known(id: number): Known {
    const known = this.brokers.get(id);
    if (known) return known;
    const fresh: Known = { status: 'dead', brokerEpoch: -1, problem: null, session: null };
    this.brokers.set(id, fresh);
    return fresh;
  }

  statusIs(id: number, status: BrokerStatus, problem: string | null = null): void {
    Object.assign(this.known(id), { status, problem });
    if (status === 'dead' || status === 'paused') this.silence(id);
    else this.heard(id);
    this.tell(id);
  }

  /** ZooKeeper hears nothing of it from now on. */
  silence(id: number): void {
    if (!this.silentSince.has(id)) this.silentSince.set(id, this.hub.nowMs);
    this.tellSession(id);
  }

  heard(id: number): void {
    this.silentSince.delete(id);
    this.tellSession(id);
  }

  /** Returns whether it tells of a broker or of the controller. */
  znode({ path, data, stat }: SeenZnode): boolean {
    const id = /^\/brokers\/ids\/(\d+)$/.exec(path)?.[1];
    if (id !== undefined) {
      this.registration(Number(id), stat ? { epoch: stat.czxid, session: ownerOf(stat) } : undefined);
    } else if (path === '/controller') this.controllerIs(brokerIdIn(data));
    else if (path === '/controller_epoch') this.controllerEpochIs(Number(data ?? 0));
    else return false;
    return true;
  }

  private registration(id: number, now: { epoch: number; session: string | null } | undefined): void {
    const known = this.known(id);
    if (known.session !== null && known.session !== now?.session) this.sessionEnded(id, known.session);
    known.brokerEpoch = now?.epoch ?? -1;
    known.session = now?.session ?? null;
    if (now) this.silentSince.delete(id);
    this.tellSession(id);
    this.tell(id);
  }

  private controllerIs(id: number): void {
    const before = this.controller;
    this.controller = id;
    if (this.brokers.has(before)) this.tell(before);
    if (this.brokers.has(id)) this.tell(id);
  }

  private controllerEpochIs(epoch: number): void {
    this.controllerEpoch = Number.isSafeInteger(epoch) ? epoch : 0;
    if (this.brokers.has(this.controller)) this.tell(this.controller);
  }

  private tell(id: number): void {
    const { status, brokerEpoch, problem } = this.known(id);
    const isController = id === this.controller;
    const controllerEpoch = isController ? this.controllerEpoch : 0;
    const now = { status, isController, controllerEpoch, brokerEpoch, problem };
    const text = JSON.stringify(now);
    if (this.told.get(id) === text) return;
    this.told.set(id, text);
    this.hub.see(brokerHost(id), { what: 'broker', broker: id, host: brokerHost(id), ...now });
  }

  private tellSession(id: number): void {
    const { session } = this.known(id);
    if (session === null) return;
    const timeoutMs = this.sessionTimeoutMs ?? 0;
    const since = this.silentSince.get(id);
    const isSilent = since !== undefined && this.sessionTimeoutMs !== undefined;
    const expiresMs = isSilent ? since + timeoutMs : null;
    const text = `${session} ${expiresMs}`;
    if (this.toldSessions.get(session) === text) return;
    this.toldSessions.set(session, text);
    const state = isSilent ? 'silent' : 'open';
    this.hub.see(ZOOKEEPER, { what: 'session', session, host: brokerHost(id), timeoutMs, expiresMs, state });
  }

  private sessionEnded(id: number, session: string): void {
    this.toldSessions.delete(session);
    const said = { session, host: brokerHost(id), timeoutMs: this.sessionTimeoutMs ?? 0, expiresMs: null };
    this.hub.see(ZOOKEEPER, { what: 'session', ...said, state: 'ended' });
  }
}

function brokerIdIn(data: string | null): number {
  try {
    return Number((JSON.parse(data ?? '') as { brokerid?: unknown }).brokerid ?? -1);
  } catch {
    return -1;
  }
}
