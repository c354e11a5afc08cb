/** The sessions of the brokers with what is left of their time. */
import { State } from '../../shared/state';
import { seconds } from './words';

export interface SessionView {
  readonly session: string;
  /** The broker's id. */
  readonly label: string;
  /** 0 to 1. */
  readonly share: number;
  readonly isSilent: boolean;
  readonly words: string;
}

export function sessionViews({ sessions }: Pick<State, 'sessions'>, nowMs: number): SessionView[] {
  return Object.values(sessions)
    .filter(({ host }) => host.startsWith('broker-'))
    .sort((a, b) => Number(a.host.slice(7)) - Number(b.host.slice(7)) || (a.session < b.session ? -1 : 1))
    .map(({ session, host, timeoutMs, expiresMs }) => {
      const leftMs = expiresMs === null ? timeoutMs : Math.max(0, expiresMs - nowMs);
      const words =
        expiresMs === null
          ? `Session ${session} of ${host}: heard; timeout ${seconds(timeoutMs)}`
          : `Session ${session} of ${host}: silent; it ends in ${seconds(leftMs)}`;
      return {
        session,
        label: host.slice(7),
        share: Math.min(1, leftMs / timeoutMs),
        isSilent: expiresMs !== null,
        words,
      };
    });
}
