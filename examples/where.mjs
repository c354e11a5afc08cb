// Where the examples find their cluster: ./scripts/cluster up puts it here.
export const cluster = { 'zookeeper.connect': process.env.SAMSA_ZOOKEEPER ?? '127.0.0.1:2191' };
export const topic = process.env.SAMSA_TOPIC ?? 'examples';

/** kill -9 at the worst moment, when CRASH_AFTER says so: for showing what a crash loses or repeats. */
let left = Number(process.env.CRASH_AFTER ?? Infinity);
export function maybeCrash() {
  if (--left <= 0) process.kill(process.pid, 'SIGKILL');
}
