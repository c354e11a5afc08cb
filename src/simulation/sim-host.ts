/**
 * A simulated machine with at most one process. Each start is a new process; timers, sockets and promises of
 * a dead process never fire, and a call by a dead process is a violation.
 */
import { Clock, Disk, Host, Log, Network, Timer } from '../common/host';
import { Prng } from './prng';
import { crashed, processDisk } from './process-disk';
import { SimDisk } from './sim-disk';
import { Owner, World } from './world';

const LOG_LINES_KEPT = 400;

/** The part of the network that a host uses. */
export interface HostNetwork {
  of(host: SimHost): Network;
  hostDied(host: SimHost): void;
}

class Life implements Owner {
  isDead = false;
  /** The process crashed in the middle of an action; the rest of the action must have no effect. */
  isCrashed = false;
  private deferred: (() => void)[] = [];

  constructor(private readonly host: SimHost) {}

  get isPaused(): boolean {
    return this.host.isPaused;
  }

  defer(run: () => void): void {
    this.deferred.push(run);
  }

  /** After a pause: runs what became due meanwhile, in order, each as an action of its own. */
  release(world: World): void {
    for (const run of this.deferred.splice(0)) world.schedule(0, run, this);
  }
}

export class SimHost {
  readonly disk: SimDisk;
  readonly logLines: string[] = [];
  generation = 0;
  /** Starts of the machine. */
  private boots = 1;
  life: Life;
  isPaused = false;
  /** The error of the wall clock, in ms. */
  clockOffsetMs = 0;
  /** By how much timers fire late, in ms, as in a busy event loop. */
  timerDelayMs = 0;
  /** The duration of a flush, in ms. */
  flushDelayMs = 0;
  /** The number of calls that changed the disk, over all processes. */
  diskCalls = 0;
  /** The number of calls that opened or read something by its name, over all processes. */
  diskLooks = 0;
  private failsAtLook = -1;
  private crashAt: { readonly call: number; readonly crash: () => void } | undefined;
  /** Set when the process ended by itself. */
  exited: { code: number; reason: string } | undefined;
  private readonly onDeath: (() => void)[] = [];

  constructor(
    readonly world: World,
    private readonly net: HostNetwork,
    readonly name: string,
  ) {
    this.disk = new SimDisk(() => world.epochMs + world.nowMs);
    this.life = new Life(this);
    this.life.isDead = true;
  }

  isAlive(generation: number): boolean {
    return generation === this.generation && !this.life.isDead;
  }

  checkAlive(what: string): void {
    if (this.life.isDead) this.world.violation(`${this.name}: ${what} called by a dead process`);
  }

  /** Starts a process. Returns the host that it uses. */
  boot(): Host {
    this.generation++;
    this.life = new Life(this);
    this.exited = undefined;
    const life = this.life;
    const random = this.world.random.split(`${this.name}/${this.generation}`);
    const check = (what: string) => {
      if (life.isDead) this.world.violation(`${this.name}: ${what} called by a dead process`);
    };
    const clock: Clock = {
      wallMs: () => Math.floor(this.world.epochMs + this.world.nowMs + this.clockOffsetMs),
      monotonicMs: () => this.world.nowMs,
      schedule: (delayMs, action): Timer => {
        check('schedule');
        if (life.isCrashed) return { cancel: () => {} };
        return this.world.schedule(delayMs + this.timerDelayMs, action, life);
      },
    };
    return {
      name: this.name,
      bootId: `${this.name}-boot-${this.boots}`,
      clock,
      random,
      disk: this.guardedDisk(life),
      network: this.net.of(this),
      log: this.log(''),
      event: (event) => {
        if (!life.isCrashed) this.world.event(this.name, event);
      },
      exit: (code, reason) => {
        if (life.isDead || life.isCrashed) return;
        this.exited = { code, reason };
        this.kill();
      },
    };
  }

  private guardedDisk(life: Life): Disk {
    return processDisk(this.disk, {
      get isDead() {
        return life.isDead;
      },
      get isCrashed() {
        return life.isCrashed;
      },
      misused: (what) => this.world.violation(`${this.name}: disk ${what} called by a dead process`),
      looking: (what, path) => {
        if (++this.diskLooks !== this.failsAtLook) return;
        this.world.event('simulation', { what: 'fault', fault: `${what} fails`, target: path });
        throw Object.assign(new Error(`EIO: ${what} of ${path}`), { code: 'EIO' });
      },
      changing: (what, path) => {
        this.diskCalls++;
        if (this.crashAt === undefined || this.diskCalls < this.crashAt.call) return;
        const { crash } = this.crashAt;
        this.crashAt = undefined;
        life.isCrashed = true;
        this.world.afterAction(() => {
          if (this.life === life && !life.isDead) crash();
        });
        throw crashed(`${what} of ${path}`);
      },
      delayFlush: () => {
        if (this.flushDelayMs === 0) return undefined;
        return new Promise((resolve) => this.world.schedule(this.flushDelayMs, resolve, life));
      },
      event: (what, path) => {
        if (!life.isCrashed) this.world.event(this.name, { what, path });
      },
    });
  }

  /** The process crashes before the k-th call from now that changes the disk; `crash` ends it. */
  crashAtDiskCall(k: number, crash: () => void): void {
    this.crashAt = { call: this.diskCalls + k, crash };
  }

  /** The k-th call from now that opens or reads something by its name fails once, with EIO. */
  failDiskLook(k: number): void {
    this.failsAtLook = this.diskLooks + k;
  }

  private log(prefix: string): Log {
    const line = (level: string) => (message: string) => {
      this.logLines.push(`${this.world.nowMs.toFixed(1)} ${this.name} ${level} ${prefix}${message}`);
      if (this.logLines.length > LOG_LINES_KEPT) this.logLines.shift();
    };
    return {
      error: line('ERROR'),
      warn: line('WARN'),
      info: line('INFO'),
      debug: () => {},
      debugOn: false,
      child: (name) => this.log(`[${name}] `),
    };
  }

  /** `listener` is called when the current process dies for any reason. */
  whenDead(listener: () => void): void {
    this.onDeath.push(listener);
  }

  /** kill -9 */
  kill(): void {
    if (this.life.isDead) return;
    this.life.isDead = true;
    this.isPaused = false;
    this.disk.processDied();
    this.net.hostDied(this);
    for (const listener of this.onDeath.splice(0)) listener();
  }

  /** The machine loses power: some or all of the unsynced bytes are lost. */
  powerCut(random: Prng): void {
    this.kill();
    this.disk.powerCut(random);
    this.boots++;
  }

  pause(): void {
    if (!this.life.isDead) this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.life.release(this.world);
  }
}
