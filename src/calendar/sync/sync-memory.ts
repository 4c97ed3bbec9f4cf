import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { siteOfRequest } from '#src/kernel/requests/callers/site-of-request.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type SyncMemoryDeps = {
  /** Max bytes of the events that all syncs of requests keep at once. */
  readonly maxBytes: number;
  readonly abuse: AbuseReport;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** The memory of one sync. */
export type KeptBytes = {
  /** Aborts when the sync must give its memory back. */
  readonly signal: AbortSignal;
  /** The sync keeps so many bytes now. @throws AppError `overloaded` */
  readonly set: (bytes: number) => void;
  readonly end: () => void;
};

export type SyncMemory = {
  /** @throws AppError `overloaded` if a sync of this network was ended a few seconds ago */
  readonly begin: () => KeptBytes;
  /** Bytes of the events of all syncs that count. */
  readonly heldBytes: () => number;
};

const retryAfter = 10;
const overloaded = (): AppError =>
  new AppError('overloaded', 'Too many large calendars are being synced', { retryAfter });

/**
 * A sync keeps its events until all pages are there, because it stores all of them or none. So the events of all syncs together have a max. Beyond
 * it the largest sync of the network that keeps most is ended, so that many large calendars of one network cannot keep others from
 * syncing small ones. Its network waits before the next sync, because the pages that were read for the ended one were for nothing. Syncs outside of a request
 * do not count: their number is the number of jobs.
 */
export const createSyncMemory = (deps: SyncMemoryDeps): SyncMemory => {
  const { maxBytes, abuse, now = () => performance.now() } = deps;
  const networks = new Map<string, Map<AbortController, number>>();
  /** When networks with an ended sync may begin another one, in the order of these times. */
  const waitUntil = new Map<string, number>();
  let total = 0;

  const isFull = (): boolean => total > maxBytes;
  const sumOf = (syncs: ReadonlyMap<AbortController, number>): number => {
    let sum = 0;
    for (const bytes of syncs.values()) sum += bytes;
    return sum;
  };
  const remove = (network: string, sync: AbortController): void => {
    const syncs = networks.get(network);
    total -= syncs?.get(sync) ?? 0;
    syncs?.delete(sync);
    if (syncs?.size === 0) networks.delete(network);
  };
  const largest = <Key>(entries: Iterable<readonly [Key, number]>): Key | undefined => {
    let [found, most]: [Key | undefined, number] = [undefined, -1];
    for (const [key, bytes] of entries) if (bytes > most) [found, most] = [key, bytes];
    return found;
  };

  const endLargest = (clientIp: string): void => {
    const network = largest([...networks].map(([name, syncs]) => [name, sumOf(syncs)] as const))!;
    const sync = largest(networks.get(network)!)!;
    remove(network, sync);
    abuse.refused('sync_memory', clientIp);
    waitUntil.delete(network);
    waitUntil.set(network, now() + retryAfter * 1_000);
    sync.abort(overloaded());
  };

  const mustWait = (network: string): boolean => {
    for (const [name, time] of waitUntil) {
      if (time > now()) break;
      waitUntil.delete(name);
    }
    return waitUntil.has(network);
  };

  return {
    heldBytes: () => total,
    begin: () => {
      const sync = new AbortController();
      const clientIp = currentRequest()?.clientIp;
      const network = siteOfRequest();
      if (clientIp === undefined || network === undefined) return { signal: sync.signal, set: () => {}, end: () => {} };
      if (mustWait(network)) {
        abuse.refused('sync_memory', clientIp);
        throw overloaded();
      }
      return {
        signal: sync.signal,
        set: (bytes) => {
          sync.signal.throwIfAborted();
          const syncs = networks.get(network) ?? new Map<AbortController, number>();
          networks.set(network, syncs);
          total += bytes - (syncs.get(sync) ?? 0);
          syncs.set(sync, bytes);
          while (isFull()) endLargest(clientIp);
          sync.signal.throwIfAborted();
        },
        end: () => remove(network, sync),
      };
    },
  };
};
