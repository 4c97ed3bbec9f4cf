import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { readGeneration } from '../chaos/generations.ts';
import type { History, Observation, Outcome, Refresh } from './checker.ts';
import { corrections, isHeldBack } from './corrections.ts';
import { readDefinition } from './definitions.ts';
import type { Fleet, RefreshKind, Refresher } from './fleet.ts';
import { createRandom, type Random } from './random.ts';
import type { Fault } from './refresher.ts';

const points = [
  'fetch',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
] as const;

const fetchPoints = { provider: 'provider.fetch', upload: 'upload.read', universe: 'upload.read' } as const;

const pointOf = (random: Random, kind: RefreshKind): Fault['point'] => {
  const point = random.oneOf(points);
  return point === 'fetch' ? fetchPoints[kind] : point;
};

const drawFault = (random: Random, kind: RefreshKind): Fault | undefined =>
  random.chance(0.5)
    ? { point: pointOf(random, kind), mode: random.oneOf(['error', 'error', 'error', 'hang', 'crash'] as const) }
    : undefined;

/** A change of a definition holds nothing back. */
const outcomeOfChange = (status: string | undefined): Outcome =>
  status === undefined ? 'unknown' : status === 'succeeded' ? 'succeeded' : 'undone';

/** A refresh that held its answer back has changed nothing, so its generation must never be seen. */
const outcomeOf = (status: string | undefined, generation: number): Outcome => {
  if (isHeldBack(generation)) return 'undone';
  return outcomeOfChange(status);
};

const observe = async (read: () => Promise<number>): Promise<Observation> => {
  const began = performance.now();
  try {
    const generation = await read();
    return { began, ended: performance.now(), generation };
  } catch (error) {
    return { began, ended: performance.now(), torn: error instanceof Error ? error.message : String(error) };
  }
};

/**
 * Plays one history that is derived from its seed. Several processes refresh at once, some with a fault, and some are
 * killed at a random moment. The observer, a connection of its own, reads the state all the time.
 * @returns the history of the prices; with the kind `universe` also that of the definition
 */
export const playHistory = async (
  seed: number,
  fleet: Fleet,
  observer: Client,
  firstGeneration: number,
  kind: RefreshKind,
): Promise<readonly History[]> => {
  const random = createRandom(seed);
  const readPrices = (): Promise<number> => readGeneration(observer, corrections);
  const changesToo = kind === 'universe';
  const initial = await readPrices();
  const initialDefinition = changesToo ? await readDefinition(observer) : 0;
  const members = await fleet.members();
  const refreshes: Refresh[] = [];
  const observations: Observation[] = [];
  const changes: Refresh[] = [];
  const definitions: Observation[] = [];
  let generation = firstGeneration;

  const oneChange = async (member: Refresher): Promise<void> => {
    const mine = generation++;
    const killAfterMs = random.chance(0.3) ? random.below(15) : undefined;
    const began = performance.now();
    const ending = member.refresh({ generation: mine, changes: true });
    if (killAfterMs !== undefined) setTimeout(member.kill, killAfterMs);
    const outcome = outcomeOfChange(await ending);
    changes.push({ generation: mine, outcome, began, ended: outcome === 'unknown' ? Infinity : performance.now() });
  };

  const oneRefresh = async (member: Refresher): Promise<void> => {
    const fault = drawFault(random, kind);
    // A file that replaces the series is compared only with itself, so it is not held back.
    if (kind !== 'provider') while (isHeldBack(generation)) generation += 1;
    const mine = generation++;
    const killAfterMs = random.chance(0.15) ? random.below(40) : undefined;
    const began = performance.now();
    const ending = member.refresh({ generation: mine, ...(fault && { fault }) });
    if (killAfterMs !== undefined) setTimeout(member.kill, killAfterMs);
    const outcome = outcomeOf(await ending, mine);
    refreshes.push({ generation: mine, outcome, began, ended: outcome === 'unknown' ? Infinity : performance.now() });
  };

  const observeAll = async (): Promise<void> => {
    observations.push(await observe(readPrices));
    if (changesToo) definitions.push(await observe(() => readDefinition(observer)));
  };
  const watching = new AbortController();
  const watch = async (): Promise<void> => {
    while (!watching.signal.aborted) {
      await observeAll();
      await sleep(5);
    }
  };
  const watcher = watch();
  const rounds = 1 + random.below(2);
  for (let round = 0; round < rounds; round += 1) {
    const who = members.filter(({ alive }) => alive() && random.chance(0.7));
    await Promise.all(who.map((member) => (changesToo && random.chance(0.4) ? oneChange : oneRefresh)(member)));
  }
  watching.abort();
  await watcher;
  await observeAll();
  const ofPrices = { initial, refreshes, observations };
  return changesToo
    ? [ofPrices, { initial: initialDefinition, refreshes: changes, observations: definitions }]
    : [ofPrices];
};
