import type { Config } from '../../config/index.ts';

/** The settings of the hashes of passwords and client secrets. In a file of its own, because commands need nothing else of `auth.ts`. */
export const hashingOf = (config: Config) => ({
  memoryKib: config.PASSWORD_HASH_MEMORY_KIB,
  passes: config.PASSWORD_HASH_PASSES,
  parallelism: config.PASSWORD_HASH_PARALLELISM,
  concurrency: config.PASSWORD_HASH_CONCURRENCY,
  queue: config.PASSWORD_HASH_QUEUE,
});
