// The work of the three examples on delivery: a payment is a line in a file. node examples/at-least-once.mjs FILE
import fs from 'node:fs';

/** A file of payments. What is in it when it is opened counts as done. */
export function openLedger(path = process.argv[2] ?? 'ledger.txt') {
  const done = new Set(fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []);
  return {
    has: (id) => done.has(id),
    pay(id) {
      fs.appendFileSync(path, `${id}\n`);
      done.add(id);
    },
  };
}

/** Hands out records until everything there was at the start has been polled. */
export async function untilDone(consumer, work) {
  for (;;) {
    const records = await consumer.poll(500);
    await work(records);
    const assigned = consumer.assignment();
    if (records.length > 0 || assigned.length === 0) continue;
    const ends = await consumer.endOffsets(assigned);
    const positions = await Promise.all(assigned.map((tp) => consumer.position(tp)));
    if (assigned.every((tp, i) => positions[i] >= ends.get(`${tp.topic}-${tp.partition}`))) break;
  }
  await consumer.close();
}

export const settings = { 'group.id': 'payments', 'auto.offset.reset': 'earliest', 'enable.auto.commit': false, 'session.timeout.ms': 6000, 'max.poll.records': 50 };
