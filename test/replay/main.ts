/**
 * Plays recordings of the real SCST against the core in this process, and tells where they part.
 *
 *     npm run replay -- test/fixtures/scst-abi/traces/*.json
 *
 * Exit status: 0 all as recorded (or as expected), 1 something differs, 2 a file is not readable.
 */
import { run } from "./run.ts";

process.exitCode = run(process.argv.slice(2), (line) => console.log(line));
