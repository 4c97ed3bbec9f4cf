import { AppError, errorTable } from '../../catalogue/errors.ts';
import { currentRequest } from '../request-context.ts';

/**
 * Runs a load, or waits for the one with this name that another request has begun.
 * @throws what `load` throws, or the reason of the current request
 */
export type SharedLoads = <T>(name: string, load: () => Promise<T>) => Promise<T>;

/**
 * Whether an error says something about one request, and nothing about the load: the end of the request, a refusal of its caller, or its wait
 * for a connection, which depends on what its caller and its network use.
 */
const isOfOneRequest = (error: unknown): boolean =>
  error instanceof AppError &&
  (error.code === 'request_timeout' ||
    error.code === 'database_pool_exhausted' ||
    ['rate_limit', 'overload'].includes(errorTable[error.code].category));

/** A fault of the service. It can depend on the request that began the load, so the load is repeated once for all who waited. */
const isUnknown = (error: unknown): boolean =>
  !(error instanceof AppError) || errorTable[error.code].category === 'internal';

/**
 * At most one load at a time for each name. Who has waited for the load of another request gets no end and no limit of that request: the next load is its
 * own, because another one that it waited for could end in the same way.
 */
export const createSharedLoads = (): SharedLoads => {
  const running = new Map<string, Promise<unknown>>();

  const start = <T>(name: string, load: () => Promise<T>): Promise<T> => {
    const work: Promise<T> = load().finally(() => {
      if (running.get(name) === work) running.delete(name);
    });
    running.set(name, work);
    return work;
  };

  const join = <T>(name: string, load: () => Promise<T>, mayRepeat: boolean): Promise<T> => {
    const shared = running.get(name) as Promise<T> | undefined;
    if (!shared) return start(name, load);
    return shared.catch((error: unknown) => {
      const isOther = isOfOneRequest(error);
      if (!isOther && !(mayRepeat && isUnknown(error))) throw error;
      currentRequest()?.signal.throwIfAborted();
      return isOther ? start(name, load) : join(name, load, false);
    });
  };

  return (name, load) => join(name, load, true);
};
