/**
 * `npm run attack`: attacks a real service in production mode over loopback and reports the result. Every attack of
 * load/attack/attacks runs alone and together with the others, from 1 and from 50 addresses, and once together with the
 * others from 50 addresses of its own. The first attacks, which the limits of the good caller were set for, also run together without the
 * later ones. ATTACK_REQUESTS (1000) is the number of requests of each attack. `--short` is the
 * form for CI. `--write` writes the report to docs/attack.md. Other arguments are parts of attack names, "first attacks"
 * or "all at once" for the mixed runs, or "of its own" for the last of them; only these run. `--untimed` reports the speed and share of the good caller without a verdict, because
 * the speed of CI machines differs. The exit status is 1 if a run is broken.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { attacks, type ListedAttack } from '#load/attack/attacks/list.ts';
import { startGoodCaller } from '#load/attack/good-caller.ts';
import { watchMemory } from '#load/attack/memory.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { lineOf, reportOf } from '#load/attack/report.ts';
import type { AttackResult } from '#load/attack/result.ts';
import { runAttacks, type Run, type RunSettings } from '#load/attack/run-attack.ts';
import { startWorld } from '#load/attack/world.ts';
import { lowerAllThreads } from '#src/helper-threads.ts';
import { createScope } from '#testkit/scope.ts';

const flags = process.argv.slice(2);
const short = flags.includes('--short');
const untimed = flags.includes('--untimed');
const names = flags.filter((flag) => !flag.startsWith('--'));
const requests = Number(process.env['ATTACK_REQUESTS'] ?? (short ? 30 : 1_000));
if (!Number.isInteger(requests) || requests < 1 || requests > 1_000) {
  console.error('ATTACK_REQUESTS must be a whole number from 1 to 1000');
  process.exit(2);
}
const settings: RunSettings = {
  requests,
  spreadMs: short ? 1_000 : 12_000,
  maxAttackMs: short ? 4_000 : 60_000,
  // The short form waits for the memory only once, at the end.
  memoryWaitMs: short ? 0 : 60_000,
};
/** Slow attacks get their refusal only after the grace times of the service. */
const mixedSettings: RunSettings = { ...settings, maxAttackMs: short ? 25_000 : 90_000, memoryWaitMs: 60_000 };
/** People of the good caller. With so many, none of them reaches a limit of sign-ins. */
const accounts = 12;
/** A value far above the limit. The service is killed before the machine runs out of memory. */
const guardBytes = 6_144 * mebibyte;

const isWanted = ({ name }: Pick<ListedAttack, 'name'>): boolean =>
  names.length === 0 || names.some((part) => name.includes(part));
const chosen = attacks.filter(isWanted);
const firstMixed = 'the first attacks at once';
const mixed = 'all at once';
const flood = short ? mixed : `${mixed}, each from 50 addresses of its own`;
const listed = [...attacks, { name: firstMixed }, { name: mixed }, { name: flood }];
if (!listed.some(isWanted)) {
  console.error(`No such attack; there are:\n${[...new Set(listed.map(({ name }) => `  ${name}`))].join('\n')}`);
  process.exit(2);
}

let networks = 0;
/**
 * Addresses of the benchmark network (RFC 2544). Each address is used once, so that limits of an earlier run do not
 * apply.
 */
const newAddresses = (count: number): string[] => {
  networks += 1;
  const network = `198.${18 + Math.floor(networks / 256)}.${networks % 256}`;
  return Array.from({ length: count }, (_, number) => `${network}.${number + 1}`);
};

const scope = createScope();
let closing: Promise<void> | undefined;
/** All callers wait for the same promise. */
const close = (): Promise<void> => (closing ??= scope.close());
// On any error or signal, all started processes must end.
const abandon = (error: unknown): void => {
  console.error(error);
  void close().finally(() => process.exit(1));
};
process.on('uncaughtException', abandon).on('SIGINT', abandon).on('SIGTERM', abandon);

const loadBefore = loadavg()[0]!;
const results: AttackResult[] = [];
try {
  // In the short form, the service must refuse a slow body within the short duration of the attack.
  const world = await startWorld(scope, short ? { BODY_GRACE_MS: '2500', ANSWER_GRACE_MS: '5000' } : {});
  const caller = startGoodCaller(world.url, await world.people.make(accounts));
  scope.teardown(caller.close);
  // Real attackers run on other machines, so these must not take processor time from the service. Their helper threads compress
  // bodies and collect garbage.
  lowerAllThreads(constants.priority.PRIORITY_BELOW_NORMAL);
  // Code that has not run yet is slow without an attack, so the first samples do not count.
  const warmUp = (): Promise<unknown> => caller.during(() => sleep(short ? 2_000 : 5_000));
  await warmUp();
  const memory = watchMemory(
    () => world.service().pid,
    guardBytes,
    () => world.service().process.kill('SIGKILL'),
  );
  scope.teardown(memory.stop);
  const measure = async (run: Run, with_: RunSettings): Promise<void> => {
    if (await world.revive()) await warmUp();
    const result = await runAttacks(run, { world, caller, memory, settings: with_ });
    results.push(result);
    console.log(lineOf(result));
  };
  // The short form has few requests. They come from one address per attack, so that they reach the limits of one
  // caller.
  for (const attack of chosen.filter(({ slow }) => !(short && names.length === 0 && slow))) {
    for (const count of short ? [1] : [1, 50]) {
      const addresses = newAddresses(count);
      await measure({ name: attack.name, attacks: [attack], addresses: () => addresses, counted: 'each' }, settings);
    }
  }
  const together = async (run: Omit<Run, 'attacks'>, of: readonly ListedAttack[] = attacks): Promise<void> => {
    if (isWanted(run)) await measure({ ...run, attacks: of }, mixedSettings);
  };
  if (!short) {
    const mixes = { [firstMixed]: attacks.filter(({ isFirst }) => isFirst), [mixed]: attacks };
    for (const [name, of] of Object.entries(mixes)) {
      for (const count of [1, 50]) {
        const shared = newAddresses(count);
        await together({ name, addresses: () => shared, counted: 'any' }, of);
      }
    }
  }
  const each = attacks.map(() => newAddresses(short ? 1 : 50));
  await together({ name: flood, addresses: (attack) => each[attack]!, counted: 'slow' });
} finally {
  await close();
}
const conditions =
  `${short ? 'The short form' : 'The full form'}, on ${availableParallelism()} processors with a load average of ` +
  `${loadBefore.toFixed(1)} before the run. On a machine that is busy with other work, latencies and shares say little.`;
const report = reportOf(results, requests, conditions);
mkdirSync('reports', { recursive: true });
writeFileSync('reports/attack.md', report.markdown);
if (flags.includes('--write')) writeFileSync('docs/attack.md', report.markdown);
console.log(`${report.lines.join('\n')}\n${Math.round(performance.now() / 1_000)} s; report: reports/attack.md`);
if (untimed) console.log(`--untimed: ${report.failedByAttack} runs failed apart from the speed of the good caller`);
process.exit((untimed ? report.failedByAttack : report.failed) === 0 ? 0 : 1);
