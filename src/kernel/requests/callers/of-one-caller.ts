import { AppError, errorTable } from '../../catalogue/errors.ts';

/**
 * Whether an error says something about one request, and nothing about the work that others wait for too: an unknown error, a refusal of its caller, the end of the
 * request, or its wait for a connection, which depends on what its caller and its network use.
 */
export const isOfOneCaller = (error: unknown): boolean =>
  !(error instanceof AppError) ||
  error.code === 'request_timeout' ||
  error.code === 'database_pool_exhausted' ||
  ['rate_limit', 'overload', 'internal'].includes(errorTable[error.code].category);
