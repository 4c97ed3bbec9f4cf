import { defaultLimit } from '#src/kernel/lists/pagination.ts';
import { createSharedPlaces, type SharedPlacesDeps } from '#src/kernel/requests/callers/shared-places.ts';
import type { Route } from '#src/kernel/requests/route.ts';

/** Requests that hold a database connection or the event loop longer than others. */
export type LargeWork = 'page' | 'body';
type LargeWorkPlace = LargeWork | 'veryLargeBody';

/** The parameters that say how many rows an answer has. */
export const rowParameters = ['limit', 'latest'] as const;
/** The parameters that choose by days. Only a series has an index for them. */
const dayParameters = ['from', 'to'] as const;
/** Pages with more rows than the default need a place. A page of 1,000 large rows takes up to 20 ms of the event loop. */
export const maxSmallPage = defaultLimit;
/** Larger bodies that are stored need a place. PostgreSQL takes about 100 ms for a body of 4 MB. */
const maxSmallBodyBytes = 262_144;
/**
 * While PostgreSQL writes a larger body, which takes up to a second for 16 MB, other writes of the table wait for it, each with a connection.
 * So these are written one at a time, and smaller ones have the other places.
 */
const maxLargeBodyBytes = 2_097_152;

type Bounds = Omit<SharedPlacesDeps, 'abuse' | 'metrics' | 'now'>;

/** More than the networks of an attack, so that each has a place in the queue. The memory of bodies that wait has limits of its own. */
const waits = { maxWaiting: 256, retryAfter: 1 } as const;
const ofBodies = {
  ...waits,
  maxPerCaller: 8,
  detailOfCaller: 'Too many large bodies of this caller are being stored',
  detail: 'Other large bodies are being stored',
} as const;
const bounds: Readonly<Record<LargeWorkPlace, Bounds>> = {
  page: {
    ...waits,
    work: 'large_page',
    maxRunning: 4,
    maxPerCaller: 32,
    detailOfCaller: 'Too many large pages of this caller are being read',
    detail: 'Other large pages are being read',
  },
  body: { ...ofBodies, work: 'large_body', maxRunning: 3 },
  veryLargeBody: { ...ofBodies, work: 'very_large_body', maxRunning: 1 },
};

export type LargeWorkPlaces = {
  /**
   * Runs the work when it has all these places. They are taken in this order.
   * @throws as `SharedPlaces`
   */
  readonly use: <T>(names: readonly LargeWorkPlace[], work: () => Promise<T>) => Promise<T>;
};

/**
 * Limits the large pages and bodies that are in progress at the same time, because each one holds a database connection, and some time of each turn of the
 * event loop. Many clients with a fair share each would hold all connections together, and small requests would find none. Networks take turns. See
 * docs/decisions/0330.
 */
export const createLargeWorkPlaces = (deps: Pick<SharedPlacesDeps, 'abuse' | 'metrics'>): LargeWorkPlaces => {
  const places = {
    page: createSharedPlaces({ ...deps, ...bounds.page }),
    body: createSharedPlaces({ ...deps, ...bounds.body }),
    veryLargeBody: createSharedPlaces({ ...deps, ...bounds.veryLargeBody }),
  };
  return {
    use: (names, work) => names.reduceRight((next, each) => () => places[each].use(next), work)(),
  };
};

type Declared = Pick<Route, 'load' | 'request' | 'ownPlaces' | 'streamBody' | 'bodyLimit' | 'scansBy'>;

/** The large work that requests of the route can be. */
export const largeWorkOf = ({
  load,
  request,
  ownPlaces,
  streamBody,
  bodyLimit,
  scansBy,
}: Declared): LargeWork | undefined => {
  if (ownPlaces) return undefined;
  if (load === 'read') {
    const canBeLarge = scansBy !== undefined || rowParameters.some((name) => request.query?.shape[name] !== undefined);
    return canBeLarge ? 'page' : undefined;
  }
  // The chunks of jobs are stored too. Other batches are only calculated.
  const isStored = load === 'write' || bodyLimit === 'chunk';
  return isStored && request.body !== undefined && !streamBody ? 'body' : undefined;
};

type LargeWorkSize = {
  readonly query: unknown;
  /** Without compression. */
  readonly bodyBytes: number;
  readonly scansBy?: Route['scansBy'];
};

const placesOf: Readonly<Record<LargeWork, (size: LargeWorkSize) => readonly LargeWorkPlace[]>> = {
  page: ({ query, scansBy = dayParameters }) => {
    const given = Object(query) as Readonly<Record<string, unknown>>;
    const isScan = scansBy === 'always' || scansBy.some((name) => given[name] !== undefined);
    return isScan || rowParameters.some((name) => Number(given[name]) > maxSmallPage) ? ['page'] : [];
  },
  body: ({ bodyBytes }) => {
    // The place that few can have comes first, so that those that wait for it hold no other place.
    if (bodyBytes > maxLargeBodyBytes) return ['veryLargeBody', 'body'];
    return bodyBytes > maxSmallBodyBytes ? ['body'] : [];
  },
};

/** @returns the places that a request must have; none if it is small */
export const placesFor = (work: LargeWork, size: LargeWorkSize): readonly LargeWorkPlace[] => placesOf[work](size);
