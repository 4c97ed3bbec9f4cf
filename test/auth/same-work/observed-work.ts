import { createHook } from 'node:async_hooks';
import { Client } from 'pg';
import type { Teardown } from '#testkit/running-service.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

/** What one request did: its SQL statements in order, without values, and the number of its password hashes. */
export type Work = { readonly statements: readonly string[]; readonly hashes: number };

export type ObservedWork = { readonly of: (request: () => Promise<unknown>) => Promise<Work> };

const textOf = (query: unknown): string => {
  if (typeof query === 'string') return query;
  return String((query as { readonly text?: unknown }).text);
};

/**
 * Records the work of requests that this process serves, one after the other. Statements are seen where they leave for
 * PostgreSQL, hashes where they leave for the thread pool. The polls of the service belong to no request and are left out.
 */
export const observeWork = (t: Teardown): ObservedWork => {
  let statements: string[] = [];
  let hashes = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'ARGON2REQUEST') hashes += 1;
    },
  }).enable();
  const prototype = Client.prototype as { query: (...given: unknown[]) => unknown };
  const original = prototype.query;
  prototype.query = function observed(this: Client, ...given: unknown[]): unknown {
    if (currentRequest()) statements.push(textOf(given[0]));
    return original.apply(this, given);
  };
  t.teardown(() => {
    prototype.query = original;
    hook.disable();
  });
  return {
    of: async (request) => {
      [statements, hashes] = [[], 0];
      await request();
      return { statements, hashes };
    },
  };
};
