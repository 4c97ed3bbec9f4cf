/**
 * Codes that callers may receive while the process restarts. Requests of a caller that waited during the restart arrive at once, and
 * may be more than its share.
 */
export const restartCodes = [
  'shutting_down',
  'overloaded',
  'concurrency_limit_exceeded',
  'database_unavailable',
  'internal_error',
];
