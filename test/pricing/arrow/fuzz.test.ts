import { randomInt } from 'node:crypto';
import test from 'ava';
import { formats } from '../../../scripts/fuzz/formats.ts';
import { fuzzInProcess } from '../../../scripts/fuzz/in-process.ts';

/** A failure is repeated with FUZZ_SEED; more mutants with FUZZ_MUTANTS or `npm run fuzz`. */
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31 - 1));
const count = Number(process.env['FUZZ_MUTANTS'] ?? 2_000);

for (const format of formats.filter(({ input }) => input !== undefined)) {
  test(`each mutant of a valid batch is priced or refused with a 4xx: ${format.name}`, async (t) => {
    const report = await fuzzInProcess(format, { seed, from: 0, count });
    t.log(`FUZZ_SEED=${seed}`, report.outcomes, `max ${report.maxMs.toFixed(1)} ms`);
    t.deepEqual(report.faults, []);
    // The mutants would prove nothing if all were refused, or none.
    t.true((report.outcomes['priced'] ?? 0) > count / 50);
    t.true((report.outcomes['malformed_body'] ?? 0) > count / 50);
  });
}
