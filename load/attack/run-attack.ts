import { setTimeout as sleep } from 'node:timers/promises';
import { abuseKinds } from '#src/kernel/catalogue/abuse.ts';
import type { Scrape } from '#load/chaos/scrape.ts';
import type { Field } from './attack.ts';
import type { ListedAttack } from './attacks/list.ts';
import { countTexts } from './count-texts.ts';
import type { GoodCaller } from './good-caller.ts';
import { residentTree, totalOf, type MemoryWatch, type ResidentTree } from './memory.ts';
import { limits, type AttackResult } from './result.ts';
import type { LogLine } from '#testkit/service.ts';
import { createTally } from './tally.ts';
import type { World } from './world.ts';

export type RunSettings = {
  /** The maximum number of requests of each attack. */
  readonly requests: number;
  readonly spreadMs: number;
  readonly maxAttackMs: number;
  /** Maximum time for the memory to be released. With 0 it is not measured. */
  readonly memoryWaitMs: number;
};

export type RunDeps = {
  readonly world: World;
  readonly caller: GoodCaller;
  readonly memory: MemoryWatch;
  readonly settings: RunSettings;
};

/** Maximum time to prepare users, keys and other data before an attack begins. */
const maxPrepareMs = 60_000;

/**
 * Returns the resident memory when it was lowest. It stops when the memory is below the limit or `memoryWaitMs` have passed.
 */
const waitForMemory = async ({ world, settings }: RunDeps): Promise<ResidentTree | undefined> => {
  if (settings.memoryWaitMs === 0) return undefined;
  let lowest: ResidentTree | undefined;
  for (const end = Date.now() + settings.memoryWaitMs; ; await sleep(250)) {
    if (!world.isAlive()) return { root: 0, descendants: [] };
    const now = residentTree(world.service().pid);
    if (lowest === undefined || totalOf(now) < totalOf(lowest)) lowest = now;
    if (totalOf(lowest) <= limits.maxResidentAfterBytes || Date.now() >= end) return lowest;
  }
};

/** How the lost pricing processes ended, by the log lines of the service. */
const endsOf = (lines: readonly LogLine[]): string =>
  countTexts(
    lines
      .filter(({ message }) => typeof message === 'string' && message.startsWith('a pricing worker'))
      .map(({ message, signal, exit_code: exitCode, fatal }) => {
        const how = JSON.stringify({ message, signal, exit_code: exitCode, fatal });
        return `log lines ${how}`;
      }),
    '; ',
  );

const increases = (before: Scrape, after: Scrape | undefined): AttackResult['refused'] => {
  const name = 'volwatch_abuse_refused_total';
  return Object.fromEntries(
    abuseKinds
      .map((kind) => [kind, (after?.sum(name, { kind }) ?? 0) - before.sum(name, { kind })] as const)
      .filter(([, increase]) => increase > 0),
  );
};

/** Attacks that run at the same time. */
export type Run = {
  readonly name: string;
  readonly attacks: readonly ListedAttack[];
  /** The client addresses of each attack. */
  readonly addresses: (attack: number) => readonly string[];
  /**
   * `each`: the kind of every attack must be counted. `slow`: the kinds of slow attacks must be counted, because attacks
   * at the same time can cause other refusals of the rest, whose kinds were counted when they ran alone. `any`: one
   * counted kind is enough, because all attacks share one address and the rate limit may refuse them first.
   */
  readonly counted: 'each' | 'slow' | 'any';
};

const expectedKinds = ({ attacks, addresses, counted }: Run, requests: number): AttackResult['expectedKinds'] => {
  const isExpected = (attack: ListedAttack, index: number): boolean => {
    const { kinds, slow, minRequestsForRefusal = 0, minRequestsOfAddress = 0 } = attack;
    if (kinds.length === 0 || (counted === 'slow' && slow !== true)) return false;
    return requests >= minRequestsForRefusal && requests / addresses(index).length >= minRequestsOfAddress;
  };
  const groups = attacks.filter(isExpected).map(({ kinds }) => kinds);
  return counted !== 'any' || groups.length === 0 ? groups : [groups.flat()];
};

/** Runs attacks at the same time as the good caller and measures their effect on the service. */
export const runAttacks = async (run: Run, deps: RunDeps): Promise<AttackResult> => {
  const { name, attacks } = run;
  const { world, caller, memory, settings } = deps;
  const before = await world.metrics();
  if (before === undefined) throw new Error('the service does not answer before the attack');
  memory.takeMaxBytes();
  const service = world.service();
  const firstLine = service.log.length;
  const ends: (() => void)[] = [];
  const fields = attacks.map((_, index): Field => {
    const { port, people, google, sql } = world;
    const { requests, spreadMs, maxAttackMs } = settings;
    const addresses = run.addresses(index);
    const ending = new AbortController();
    let timer = setTimeout(() => ending.abort(), maxPrepareMs);
    ends.push(() => {
      clearTimeout(timer);
      ending.abort();
    });
    const begin = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => ending.abort(), maxAttackMs);
    };
    const isShared = attacks.some((_, other) => other !== index && run.addresses(other)[0] === addresses[0]);
    return {
      port,
      people,
      google,
      sql,
      requests,
      spreadMs,
      addresses,
      isShared,
      isMixed: attacks.length > 1,
      begin,
      signal: ending.signal,
      tally: createTally(),
    };
  });
  const problems: string[] = [];
  const samples = await caller.during(async () => {
    const running = attacks.map((attack, index) =>
      attack.run(fields[index]!).catch((error: unknown) => void problems.push(`${attack.name}: ${String(error)}`)),
    );
    // The good caller is measured for `spreadMs`, even if an attack ends immediately.
    await Promise.all([...running, sleep(settings.spreadMs)]);
  });
  for (const end of ends) end();
  const maxResidentBytes = memory.takeMaxBytes();
  // The end of the process may be visible before its exit status is known.
  await sleep(200);
  const exits = world.isAlive() ? 0 : 1;
  for (const [index, attack] of attacks.entries()) {
    const fault = exits === 0 ? await attack.fault?.(fields[index]!) : undefined;
    if (fault !== undefined) problems.push(fault);
  }
  const after = await world.metrics();
  if (exits === 0 && after === undefined) problems.push('the admin port did not answer after the attack');
  const restarts = 'volwatch_workers_restarts_total';
  const sent = fields.reduce((sum, { tally }) => sum + tally.total(), 0);
  const residentAfter = await waitForMemory(deps);
  return {
    name,
    addresses: new Set(fields.flatMap(({ addresses }) => addresses)).size,
    sent,
    answers: fields.length === 1 ? fields[0]!.tally.text() : `of ${fields.length} attacks`,
    serverErrors: fields.reduce((sum, { tally }) => sum + tally.count(500), 0),
    exits,
    lostBy: endsOf(service.log.slice(firstLine)),
    lostThreads: after === undefined ? undefined : after.sum(restarts) - before.sum(restarts),
    maxResidentBytes,
    residentAfter,
    caller: samples,
    expectedKinds: expectedKinds(run, settings.requests),
    refused: increases(before, after),
    fault: problems.length > 0 ? problems.join('; ') : undefined,
  };
};
