import { attacks } from './attacks/list.ts';
import { totalOf } from './memory.ts';
import { callerFigures, limits, type AttackResult } from './result.ts';
import { callerFaults, allFaults, attackFaults } from './verdict.ts';

const mebibytes = (bytes: number): string => String(Math.round(bytes / 1_048_576));
const percent = (share: number): string => (Number.isNaN(share) ? '-' : (share * 100).toFixed(1));
const cell = (text: string): string => text.replaceAll('|', '\\|');

const columns = [
  'attack',
  'addresses',
  'requests',
  'answers by status',
  'exits',
  'lost threads',
  'max resident MiB',
  'resident MiB after',
  'single prices 200 %',
  'p99 ms',
  'batches in time %',
  'account requests in time %',
  'refused by kind',
  'verdict',
] as const;

const rowOf = (result: AttackResult): string[] => {
  const { singlesShare, singlesP99Ms, batchesShare, accountShare } = callerFigures(result.caller);
  const refused = Object.entries(result.refused).map(([kind, count]) => `${kind}: ${count}`);
  const faults = allFaults(result);
  return [
    result.name,
    String(result.addresses),
    String(result.sent),
    result.answers,
    String(result.exits),
    result.lostThreads === undefined ? '-' : String(result.lostThreads),
    mebibytes(result.maxResidentBytes),
    result.residentAfter === undefined ? '-' : mebibytes(totalOf(result.residentAfter)),
    percent(singlesShare),
    Number.isNaN(singlesP99Ms) ? '-' : String(Math.round(singlesP99Ms)),
    percent(batchesShare),
    percent(accountShare),
    refused.join(', ') || 'none',
    faults.length === 0 ? 'passed' : `FAILED: ${faults.join('; ')}`,
  ];
};

export type Report = {
  readonly markdown: string;
  readonly failed: number;
  /** The number of failed runs, without faults in the speed and share of the good caller. */
  readonly failedByAttack: number;
  readonly lines: readonly string[];
};

/** One result as text for the terminal. */
export const lineOf = (result: AttackResult): string => {
  const faults = allFaults(result);
  const title = `${result.name}, ${result.addresses} ${result.addresses === 1 ? 'address' : 'addresses'}`;
  const answers = `${result.sent} requests (${result.answers}), max ${mebibytes(result.maxResidentBytes)} MiB`;
  return [
    `${faults.length === 0 ? 'passed' : 'FAILED'} ${title}: ${answers}`,
    ...faults.map((fault) => `         ${fault}`),
  ].join('\n');
};

/**
 * The table of a run and its verdict. The limits of the good caller also apply to all attacks together.
 * @param conditions a sentence that says what the figures depend on: the form of the run and the load of the machine
 */
export const reportOf = (results: readonly AttackResult[], requests: number, conditions: string): Report => {
  const all = results.flatMap(({ caller }) => caller);
  const wholeRun = callerFaults(all, true);
  const failed = results.filter((result) => allFaults(result).length > 0).length + (wholeRun.length > 0 ? 1 : 0);
  const figures = callerFigures(all);
  const { singles, singlesShare, singlesP99Ms, batches, batchesShare } = figures;
  const verdict =
    failed === 0
      ? `All ${results.length} runs passed.`
      : `${results.filter((result) => allFaults(result).length > 0).length} of ${results.length} runs failed.`;
  const whole =
    `The good caller over the whole run: ${percent(singlesShare)} % of ${singles} single prices were 200, p99 ` +
    `${Math.round(singlesP99Ms)} ms; ${percent(batchesShare)} % of ${batches} batches were 200 within 2 s; ${percent(figures.accountShare)} % ` +
    `of ${figures.accountRequests} account requests were 200 within 5 s.` +
    (wholeRun.length > 0 ? ` FAILED: ${wholeRun.join('; ')}.` : '');
  const table = [columns, columns.map(() => '---'), ...results.map((result) => rowOf(result).map(cell))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  const markdown = `<!-- Written by \`npm run attack -- --write\`: do not edit. -->
# Attacks

\`npm run attack\` starts the service in production mode with its default limits and attacks it over loopback, up to
${requests} requests for each attack in this run, alone and mixed, from 1 and from 50 client addresses. The full form also runs all
attacks at once with 50 addresses for each, which is a flood from ${attacks.length * 50} addresses. The first
${attacks.filter(({ isFirst }) => isFirst).length} attacks are those that the limits of the well-behaved caller were set for; each later one belongs to a fault that was found. The full form runs the
first ones together, and all ${attacks.length}. Meanwhile a
well-behaved caller from other addresses asks for single prices and for batches of 1,000 rows. \`npm run attack -- --short\` is the
form of CI. The attackers have a lower processor priority (nice 10), because in practice they run on other machines. The short form uses grace
times of 2.5 s for bodies and 5 s for answers, so that slow clients are refused within its duration; the full form has the defaults.
The attacks are declared in [load/attack/attacks](../load/attack/attacks/list.ts).

An attack has passed when

- the process does not end, no pricing thread is lost, and no answer is 500;
- the resident memory of the service and its pricing processes (shared pages count once; PostgreSQL and Redis are not
  part of it) stays below ${mebibytes(limits.maxResidentBytes)} MiB, and is below ${mebibytes(limits.maxResidentAfterBytes)} MiB within a minute after it;
- the well-behaved caller gets at least ${limits.minSinglesShare * 100} % of the single prices with 200 and a p99 below ${limits.maxSinglesP99Ms} ms, and at
  least ${limits.minBatchesShare * 100} % of the batches with 200 within ${limits.maxBatchMs / 1_000} s;
- people with accounts, at addresses of their own, who sign in and read their profile, settings, sessions and keys, get at least ${limits.minAccountShare * 100} % of
  the answers with 200 within ${limits.maxAccountMs / 1_000} s;
- \`volwatch_abuse_refused_total\` counts it under the expected kind, where there is one.

In the column of answers, \`cut\` is a connection that the service closed before a whole answer, \`held\` one that was still open
at the end, and \`no connection\` means that the service did not accept it.

## The last run

${conditions}

${verdict} ${whole}

${table}
`;
  const failedByAttack = results.filter((result) => attackFaults(result).length > 0).length;
  return { markdown, failed, failedByAttack, lines: [verdict, whole] };
};
