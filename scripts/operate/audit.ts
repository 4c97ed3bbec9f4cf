/**
 * `npm run audit:verify [-- --anchors FILE] [--write-anchors FILE]`: verifies every chain of the audit trail, compares
 * the tables that can be rebuilt with their events, and reports the first broken event of each stream. The exit status
 * is 1 if there is a fault. Anchors are the ends of the chains. If they are stored where the owner of the database
 * cannot write, they show later that no event before them was rewritten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { compareState } from '#src/audit/replay.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import type { Database } from '#src/database/database.ts';
import { runOnCommandLine } from '../support/operator-command.ts';
import { withDatabase } from '../support/with-database.ts';

/** The statement reads the whole trail, which may contain the events of several years. */
const longestStatementMs = 600_000;

const anchorsSchema = z.array(z.strictObject({ stream: z.string(), sequence: z.int(), hash: z.string() }));

const usage = 'usage: npm run audit:verify [-- --anchors FILE] [--write-anchors FILE]';

type Options = { readonly anchors?: string; readonly 'write-anchors'?: string };

const readOptions = (): Options =>
  parseArgs({ options: { anchors: { type: 'string' }, 'write-anchors': { type: 'string' } } }).values;

const verify = async ({ unitOfWork }: Database, options: Options): Promise<number> => {
  const kept = options.anchors ? anchorsSchema.parse(JSON.parse(readFileSync(options.anchors, 'utf8'))) : [];
  const { result, differences } = await unitOfWork.run(
    { operation: 'audit.verify', isolation: 'repeatable read', statementTimeoutMs: longestStatementMs },
    async (snapshot) => ({
      result: await verifyAuditTrail(snapshot, kept),
      differences: await compareState(snapshot),
    }),
  );
  for (const { stream, sequence, id, problem } of result.faults) {
    const place = stream === null ? '' : `${stream} event ${sequence}${id === null ? '' : ` (${id})`}: `;
    console.error(`${place}${problem}`);
  }
  for (const { table, id, problem } of differences) console.error(`${table} ${id}: ${problem}`);
  const wrong = result.faults.length + differences.length;
  console.log(
    `${result.events} events in ${result.streams} streams, ${wrong === 0 ? 'unbroken; the tables agree with them' : `${wrong} faults`}`,
  );
  const file = options['write-anchors'];
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result.anchors, undefined, 2)}\n`);
  return wrong === 0 ? 0 : 1;
};

await runOnCommandLine(usage, async () => {
  const options = readOptions();
  try {
    return await withDatabase('volwatch-audit', (database) => verify(database, options));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
});
