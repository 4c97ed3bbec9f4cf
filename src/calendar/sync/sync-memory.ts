import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { siteOfRequest } from '#src/kernel/requests/callers/site-of-request.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type SyncMemoryDeps = {
  /** Max bytes of the events that all syncs of requests keep at once. */
  readonly maxBytes: number;
  readonly abuse: AbuseReport;
};

/** The memory of one sync. */
export type KeptBytes = {
  /** Aborts when the sync must give its memory back. */
  readonly signal: AbortSignal;
  /** The sync keeps so many bytes now. @throws AppError `overloaded` */
  readonly set: (bytes: number) => void;
  readonly end: () => void;
};

export type SyncMemory = { readonly begin: () => KeptBytes };

const retryAfter = 10;

/**
 * A sync keeps its events until all pages are there, because it stores all of them or none. So the events of all syncs together have a max. Beyond
 * it the largest sync of the network that keeps most is ended, so that many large calendars of one network cannot keep others from
 * syncing small ones. Syncs outside of a request do not count: their number is the number of jobs.
 */
export const createSyncMemory = ({ maxBytes, abuse }: SyncMemoryDeps): SyncMemory => {
  const networks = new Map<string, Map<AbortController, number>>();
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
    sync.abort(new AppError('overloaded', 'Too many large calendars are being synced', { retryAfter }));
  };

  return {
    begin: () => {
      const sync = new AbortController();
      const clientIp = currentRequest()?.clientIp;
      const network = siteOfRequest();
      if (clientIp === undefined || network === undefined) return { signal: sync.signal, set: () => {}, end: () => {} };
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
