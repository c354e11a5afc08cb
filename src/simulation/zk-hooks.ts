/**
 * Faults at single ZooKeeper operations: a test selects an operation (the k-th of a host, or those that
 * match) and an effect. Breaking the connection at the k-th operation, for every k of a short history, finds
 * what faults at random times miss.
 *
 * The operations of a host are counted from 1 as they are issued, over all its sessions. Opening a session
 * does not count.
 */

export interface ZkOperation {
  readonly host: string;
  /** The number of the operation among those of this host. */
  readonly k: number;
  readonly type: 'get' | 'exists' | 'children' | 'create' | 'set' | 'delete' | 'multi' | 'close';
  /** One path, or the paths of all operations of a multi. */
  readonly paths: readonly string[];
  readonly isWrite: boolean;
}

/**
 * `reset-before`: the connection breaks and the request is not applied. `lose-reply`: the request is applied,
 * then the connection breaks. Both look the same to the client. `delayMs`: the request, and all later ones on
 * its connection, arrive late. `before` and `after`: called when the request arrives, and after it was
 * applied (or refused), before its response is sent.
 */
export type OperationEffect =
  | 'reset-before'
  | 'lose-reply'
  | { readonly delayMs: number }
  | { readonly before: (operation: ZkOperation) => void }
  | { readonly after: (operation: ZkOperation) => void };

/** The k-th operation of the host from now on (1: the next one), or any that matches. */
export type OperationWhere =
  { readonly host: string; readonly k: number } | ((operation: ZkOperation) => boolean);

export interface OperationHook {
  /** The operations to which the effect was applied. */
  readonly fired: readonly ZkOperation[];
  remove(): void;
}

interface Hook extends OperationHook {
  readonly fired: ZkOperation[];
  readonly matches: (operation: ZkOperation) => boolean;
  readonly effect: OperationEffect;
  readonly times: number;
}

export class ZkHooks {
  private readonly counts = new Map<string, number>();
  private hooks: Hook[] = [];

  /** The number of operations that the host has issued. */
  count(host: string): number {
    return this.counts.get(host) ?? 0;
  }

  /** `times`: how often the hook may apply; by default 1. */
  at(where: OperationWhere, effect: OperationEffect, times = 1): OperationHook {
    const k = typeof where === 'function' ? 0 : this.count(where.host) + where.k;
    const isKth = ({ host, k: its }: ZkOperation) =>
      typeof where !== 'function' && host === where.host && its === k;
    const matches = typeof where === 'function' ? where : isKth;
    const remove = () => {
      this.hooks = this.hooks.filter((one) => one !== hook);
    };
    const hook: Hook = { fired: [], matches, effect, times, remove };
    this.hooks.push(hook);
    return hook;
  }

  /** Counts an operation that is issued. */
  issue({ host, type, paths, isWrite }: Omit<ZkOperation, 'k'>): ZkOperation {
    const k = this.count(host) + 1;
    this.counts.set(host, k);
    return { host, k, type, paths, isWrite };
  }

  delayMs(operation: ZkOperation): number {
    return this.take(operation, (effect) => typeof effect === 'object' && 'delayMs' in effect).reduce(
      (sum, effect) => sum + (effect as { delayMs: number }).delayMs,
      0,
    );
  }

  /** The effects for an operation that has arrived at the server. */
  effects(operation: ZkOperation): OperationEffect[] {
    return this.take(operation, (effect) => typeof effect === 'string' || !('delayMs' in effect));
  }

  private take(operation: ZkOperation, wanted: (effect: OperationEffect) => boolean): OperationEffect[] {
    if (this.hooks.length === 0) return [];
    const due = this.hooks.filter((hook) => wanted(hook.effect) && hook.matches(operation));
    for (const hook of due) {
      hook.fired.push(operation);
      if (hook.fired.length >= hook.times) hook.remove();
    }
    return due.map((hook) => hook.effect);
  }
}
