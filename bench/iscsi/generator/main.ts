/**
 * Reads or writes at random over several connections, with digests or without, for a while:
 *
 *     main.ts JOB     a Job in JSON; prints a JobResult
 *
 * Debian's libiscsi knows no data digest, and fio no libiscsi, hence a client of our own. It costs
 * the same with any target, and makes digests as well as it can: once for data that are always the
 * same, and of what it receives it checks the first ones only.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Connection } from "./connection.ts";
import type { Job, JobResult } from "./job.ts";

const job = JSON.parse(process.argv[2] ?? "") as Job;
const connections: Connection[] = [];
for (let number = 0; number < job.connectionCount; number++) {
  connections.push(await Connection.open(job, number));
}
const began = performance.now();
for (const connection of connections) connection.start();
await delay(job.seconds * 1000);
await Promise.all(connections.map((connection) => connection.stop()));
const seconds = (performance.now() - began) / 1000;
const commands = connections.reduce((sum, { commandCount }) => sum + commandCount, 0);
const result: JobResult = { commands, seconds };
process.stdout.write(`${JSON.stringify(result)}\n`);
