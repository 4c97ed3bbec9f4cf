import { setTimeout as sleep } from 'node:timers/promises';
import { isTrueWithin } from '#testkit/eventually.ts';
import { createScope, type Scope } from '#testkit/scope.ts';
import { assertAcknowledged } from './acknowledged.ts';
import type { Cell, CellResult, Check, Phase } from './cell.ts';
import { failedCell } from './failed-cell.ts';
import { storedGeneration } from './generations.ts';
import { startProbe, type Answer } from './probe.ts';
import { probeOf } from './probes.ts';
import { scrape, type Scrape } from './scrape.ts';
import { assertPartsState } from './parts-state.ts';
import { assertUploadedState } from './uploaded-state.ts';
import type { World } from './world.ts';

const steadyMs = 1_500;
const recoveryLimitMs = 10_000;
const unhealthyLimitMs = 5_000;
const pollMs = 100;

const good = ({ status, code }: Answer): boolean => status >= 200 && status < 300 && code === '';
/** A refresh that is refused because another refresh runs counts as served. */
const acceptable = (answer: Answer): boolean => good(answer) || answer.code === 'refresh_in_progress';

const dependencyStatus = async (world: World, name: string): Promise<string> => {
  const response = await fetch(`${world.url}/health`, { signal: AbortSignal.timeout(2_000) });
  const body = (await response.json()) as { dependencies: Record<string, { status: string }> };
  return body.dependencies[name]?.status ?? 'absent';
};

type Signals = { effectMs?: number; unhealthyMs?: number };

/** Polls the signals of the service until `stop` is called. */
const watch = (
  cell: Cell,
  world: World,
  before: Scrape,
): { readonly signals: Signals; readonly stop: () => Promise<void> } => {
  const signals: Signals = {};
  const began = performance.now();
  const stopped = new AbortController();
  // The query may fail because it uses the broken dependency. The next poll repeats it.
  const hasHadEffect = async (now: Scrape): Promise<boolean> => {
    try {
      return await cell.hasEffect(before, now, world);
    } catch {
      return false;
    }
  };
  const look = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      if (signals.effectMs === undefined) {
        const now = await scrape(world.adminUrl).catch(() => undefined);
        if (now ? await hasHadEffect(now) : cell.processGone) signals.effectMs = performance.now() - began;
      }
      if (cell.unhealthy && signals.unhealthyMs === undefined) {
        const status = await dependencyStatus(world, cell.unhealthy).catch(() => 'up');
        if (status !== 'up') signals.unhealthyMs = performance.now() - began;
      }
      await sleep(pollMs);
    }
  };
  const looking = look();
  return {
    signals,
    stop: async () => {
      stopped.abort();
      await looking;
    },
  };
};

/** Returns the recovery time after the answers have been good for a while; undefined after the time limit. */
const waitForRecovery = async (
  cell: Cell,
  world: World,
  answers: readonly Answer[],
  since: number,
): Promise<number | undefined> => {
  const goodMs = 1_000;
  while (Date.now() - since < recoveryLimitMs + goodMs) {
    await sleep(pollMs);
    const later = answers.filter(({ at }) => at >= since);
    const lastBad = later.findLast((answer) => !acceptable(answer));
    const goodSince = later.find(({ at }) => at > (lastBad?.at ?? 0));
    if (!goodSince || Date.now() - goodSince.at < goodMs) continue;
    const healthy = !cell.unhealthy || (await dependencyStatus(world, cell.unhealthy).catch(() => 'down')) === 'up';
    if (healthy) return Math.max(0, goodSince.at - since);
  }
  return undefined;
};

/** The client's requests of one time span. Requests that were not served use error budget. */
const phase = (answers: readonly Answer[], from: number, to: number): Phase => {
  const inside = answers.filter(({ at }) => at >= from && at < to);
  return { requests: inside.length, served: inside.filter(acceptable).length };
};

const exported = ({ spans }: World, traceId: string): Promise<boolean> =>
  isTrueWithin(() => spans.bytes().includes(Buffer.from(traceId, 'hex')), 6_000);

const writesRefreshes = ({ probe }: Cell): boolean => probe === 'refresh' || probe === 'upload' || probe === 'parts';

const stateCheck = async (cell: Cell, { databaseUrl }: World, answers: readonly Answer[]): Promise<Check> => {
  const name = 'one committed state';
  try {
    await assertUploadedState(databaseUrl);
    await assertPartsState(databaseUrl);
    if (writesRefreshes(cell)) {
      await assertAcknowledged(
        databaseUrl,
        answers.filter(good).map(({ id }) => id),
      );
    }
    return { name, passed: true, detail: `generation ${await storedGeneration(databaseUrl)}` };
  } catch (error) {
    return { name, passed: false, detail: String(error) };
  }
};

type Refusals = {
  /** Refused with another code than the cell names, or without a problem document. */
  readonly wrong: readonly Answer[];
  readonly refused: readonly Answer[];
  readonly unanswered: readonly Answer[];
  readonly slowestMs: number;
};

const answersCheck = (cell: Cell, { wrong, refused, unanswered, slowestMs }: Refusals): Check => {
  const isInTime = slowestMs <= cell.deadlineMs && (cell.processGone === true || unanswered.length === 0);
  const [first] = wrong;
  return {
    name: 'answers',
    passed: first === undefined && isInTime,
    detail: first
      ? `${wrong.length} refused otherwise than by ${cell.codes.join(', ') || 'nothing'}: ${first.status} ${first.code}`
      : `${refused.length} refused, ${unanswered.length} unanswered, slowest ${Math.round(slowestMs)} of ${cell.deadlineMs} ms`,
  };
};

type Shown = {
  readonly example: Answer | undefined;
  readonly traced: boolean;
  readonly unhealthyMs: number | undefined;
};

const healthText = ({ unhealthy }: Cell, unhealthyMs: number | undefined): string => {
  if (!unhealthy) return '';
  const flipped = unhealthyMs === undefined ? 'never flipped' : `flipped after ${Math.round(unhealthyMs)} ms`;
  return `; health of ${unhealthy} ${flipped}`;
};

const agreementCheck = (cell: Cell, world: World, { example, traced, unhealthyMs }: Shown): Check => {
  const logged = example !== undefined && world.logged(example.traceId);
  const isHealthShown = !cell.unhealthy || (unhealthyMs ?? Infinity) <= unhealthyLimitMs;
  return {
    name: 'metric, span and log agree',
    passed: logged && traced && isHealthShown,
    detail: `trace ${example?.traceId ?? 'none'}: ${logged ? 'logged' : 'not logged'}, ${traced ? 'exported' : 'not exported'}${healthText(cell, unhealthyMs)}`,
  };
};

const seconds = (): number => Date.now() / 1_000;

/** @param from start of the cell, in Unix seconds. @param scope releases what a cell that throws has started */
const runPhases = async (
  cell: Cell,
  world: World,
  from: number,
  { teardown }: Pick<Scope, 'teardown'>,
): Promise<CellResult> => {
  await cell.prepare?.(world);
  const { request, everyMs } = await probeOf(cell.probe, world);
  const probe = startProbe(request, everyMs);
  teardown(probe.stop);
  await sleep(steadyMs);
  const pid = world.service().pid;
  const before = await scrape(world.adminUrl);
  const injected = seconds();
  const watcher = watch(cell, world, before);
  teardown(watcher.stop);
  teardown(() => cell.heal(world));
  await cell.inject(world);
  await sleep(cell.holdMs ?? 3_000);
  await cell.heal(world);
  const healedAt = Date.now();
  const recoveryMs = await waitForRecovery(cell, world, probe.answers, healedAt);
  await watcher.stop();
  await probe.stop();
  const { effectMs, unhealthyMs } = watcher.signals;

  const during = probe.answers.filter(({ at }) => at >= injected * 1_000);
  const refused = during.filter((answer) => !acceptable(answer) && answer.status > 0);
  const unanswered = during.filter(({ status }) => status === 0);
  const wrong = refused.filter(({ code, problem }) => !problem || !cell.codes.includes(code));
  const slowestMs = Math.max(0, ...during.map(({ ms }) => ms));
  const served = during.filter((answer) => good(answer) && answer.traceId !== '');
  const example = cell.spansLost ? served.at(-1) : (refused.find(({ traceId }) => traceId !== '') ?? served[0]);
  const traced = example ? await exported(world, example.traceId) : false;
  const checks: Check[] = [
    {
      name: 'the fault had an effect',
      passed: effectMs !== undefined,
      detail: effectMs === undefined ? 'no counter moved' : `after ${Math.round(effectMs)} ms`,
    },
    await stateCheck(cell, world, probe.answers),
    answersCheck(cell, { wrong, unanswered, refused, slowestMs }),
    {
      name: 'the process lives',
      passed: cell.processGone === true || cell.processReplaced === true || world.service().pid === pid,
      detail: `pid ${world.service().pid}`,
    },
    agreementCheck(cell, world, { example, traced, unhealthyMs }),
    {
      name: 'recovery',
      passed: recoveryMs !== undefined,
      detail: recoveryMs === undefined ? `not within ${recoveryLimitMs} ms` : `${recoveryMs} ms`,
    },
  ];
  return {
    group: cell.group,
    name: cell.name,
    how: cell.how,
    passed: checks.every(({ passed }) => passed),
    checks,
    detectionMs:
      effectMs === undefined && unhealthyMs === undefined
        ? undefined
        : Math.min(effectMs ?? Infinity, unhealthyMs ?? Infinity),
    recoveryMs,
    answers: { ok: during.filter(acceptable).length, refused: refused.length, unanswered: unanswered.length },
    phases: {
      before: phase(probe.answers, 0, injected * 1_000),
      during: phase(probe.answers, injected * 1_000, healedAt),
      after: phase(probe.answers, healedAt, Infinity),
    },
    slowestMs,
    traceId: example?.traceId,
    window: { from, injected, healed: healedAt / 1_000, to: seconds() },
  };
};

/** Runs a cell. An error of a cell becomes its result, because the other cells must run all the same. */
export const runCell = async (cell: Cell, world: World): Promise<CellResult> => {
  const from = seconds();
  const scope = createScope();
  try {
    return await runPhases(cell, world, from, scope);
  } catch (error) {
    await scope.close();
    return failedCell(cell, error, from);
  }
};
