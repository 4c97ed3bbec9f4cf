/**
 * Runs `fuzzInProcess` in its own process, so that its heap has a limit and a mutant that never finishes can be
 * stopped.
 */
import { writeSync } from 'node:fs';
import { formatOf } from './formats.ts';
import { fuzzInProcess } from './in-process.ts';

const [, , name = '', seed, from, count] = process.argv;
const run = { seed: Number(seed), from: Number(from), count: Number(count) };
const report = await fuzzInProcess(formatOf(name), run, (index) => {
  if (index % 50 === 0) writeSync(1, `${index}\n`);
});
writeSync(1, `${JSON.stringify({ ...report, maxRssMegabytes: Math.round(process.resourceUsage().maxRSS / 1024) })}\n`);
