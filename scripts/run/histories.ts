/**
 * `npm run histories`: runs random refreshes from several processes with random faults and SIGKILLs. Every observed
 * state must belong to exactly one committed refresh. HISTORIES (1000) and SECONDS (300) limit the run, and SEED is the
 * start of the random numbers. A history depends only on SEED and its number, so `SEED=... FROM=n HISTORIES=1` repeats
 * it. With UPLOADS=true each refresh is an uploaded file. With UNIVERSES=true the definition of the universe is changed
 * between and during the uploads.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { violations } from '#load/histories/checker.ts';
import { isHeldBack } from '#load/histories/corrections.ts';
import { createFleet } from '#load/histories/fleet.ts';
import { playHistory } from '#load/histories/play.ts';
import { createScope } from '#testkit/scope.ts';
import { startHistoryDatabase } from '#load/histories/database.ts';

const number = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);
const [histories, seconds, from] = [number('HISTORIES', 1_000), number('SECONDS', 300), number('FROM', 1)];
const seed = number('SEED', Math.floor(Math.random() * 1_000_000));
const isSet = (name: string): boolean => process.env[name] === 'true';
const kind = isSet('UNIVERSES') ? 'universe' : isSet('UPLOADS') ? 'upload' : 'provider';
const generationsEach = 16;

console.log(`seed ${seed}`);
const scope = createScope();
const abandon = (error: unknown): void => {
  console.error(error);
  void scope.close().finally(() => process.exit(1));
};
process.on('uncaughtException', abandon).on('SIGINT', abandon).on('SIGTERM', abandon);

let played = 0;
const totals = { refreshes: 0, succeeded: 0, undone: 0, unknown: 0, observations: 0 };
let changed = 0;
const broken: { history: number; violations: string[] }[] = [];
try {
  const { url, directory, observer } = await startHistoryDatabase(scope);
  const cacheDirectory = join(directory, 'compile-cache');
  const fleet = await createFleet({ databaseUrl: url, kind, size: 3, cacheDirectory });
  scope.teardown(fleet.close);
  // The initial state of the first history. It is close to its generations, because a refresh believes small changes.
  let initial = (from - 1) * generationsEach;
  while (isHeldBack(initial)) initial += 1;
  const [first] = await fleet.members();
  // The timeouts of a refresher are short, so on a busy machine the first attempt can fail.
  const begin = async (command: Parameters<NonNullable<typeof first>['refresh']>[0]): Promise<void> => {
    let started: string | undefined;
    for (let attempt = 0; attempt < 10 && started !== 'succeeded'; attempt += 1)
      started = await first!.refresh(command);
    if (started !== 'succeeded') throw new Error(`the initial command ended with ${started}`);
  };
  if (kind === 'universe') await begin({ generation: initial, changes: true });
  await begin({ generation: initial });
  const deadline = Date.now() + seconds * 1_000;
  for (; played < histories && Date.now() < deadline; played += 1) {
    const history = from + played;
    const [prices, definitions] = await playHistory(
      seed * 10_007 + history,
      fleet,
      observer,
      history * generationsEach,
      kind,
    );
    totals.refreshes += prices!.refreshes.length;
    totals.observations += prices!.observations.length;
    for (const { outcome } of prices!.refreshes) totals[outcome] += 1;
    changed += definitions?.refreshes.filter(({ outcome }) => outcome === 'succeeded').length ?? 0;
    const found = [...violations(prices!), ...(definitions ? violations(definitions) : [])];
    if (found.length > 0) {
      broken.push({ history, violations: found });
      console.log(`history ${history} (SEED=${seed} FROM=${history} HISTORIES=1):\n  ${found.join('\n  ')}`);
    }
    if ((played + 1) % 100 === 0) console.log(`${played + 1} histories, ${broken.length} unsound`);
  }
} finally {
  await scope.close();
}
const { refreshes, succeeded, undone, unknown, observations } = totals;
console.log(
  `${played} of ${histories} histories: ${refreshes} refreshes (${succeeded} committed, ${undone} undone, ${unknown} killed), ` +
    `${observations} observed states, ${kind === 'universe' ? `${changed} changes of the universe, ` : ''}${broken.length} unsound histories`,
);
mkdirSync('reports', { recursive: true });
writeFileSync('reports/histories.json', `${JSON.stringify({ seed, played, ...totals, changed, broken }, null, 2)}\n`);
process.exit(broken.length > 0 || played === 0 || succeeded === 0 || (kind === 'universe' && changed === 0) ? 1 : 0);
