import { createHook } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { Teardown } from '#testkit/running-service.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

/** What one request did: its SQL statements in order, without values, and the number of its password hashes. */
export type Work = { readonly statements: readonly string[]; readonly hashes: number };

export type ObservedWork = {
  /** @param request sends exactly one request, with these headers, by which its work is known */
  readonly of: (request: (headers: Record<string, string>) => Promise<unknown>) => Promise<Work>;
};

const textOf = (query: unknown): string => {
  if (typeof query === 'string') return query;
  return String((query as { readonly text?: unknown }).text);
};

/** A pool that opens a connection makes its settings within the request that asked for it. They depend on no request. */
const isSessionSetup = (statement: string): boolean =>
  statement.startsWith('begin isolation level read committed; select pg_catalog.set_config(');

/**
 * Records the work of requests that this process serves, one after the other. Statements are seen where they leave for
 * PostgreSQL, hashes where they leave for the thread pool. Work of other requests and of no request (the polls of the
 * service) is left out.
 */
export const observeWork = (t: Teardown): ObservedWork => {
  let statements: string[] = [];
  let hashes = 0;
  let observedId: string | undefined;
  const isObserved = (): boolean => observedId !== undefined && currentRequest()?.requestId === observedId;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'ARGON2REQUEST' && isObserved()) hashes += 1;
    },
  }).enable();
  const prototype = Client.prototype as { query: (...given: unknown[]) => unknown };
  const original = prototype.query;
  prototype.query = function observed(this: Client, ...given: unknown[]): unknown {
    const statement = textOf(given[0]);
    if (isObserved() && !isSessionSetup(statement)) statements.push(statement);
    return original.apply(this, given);
  };
  t.teardown(() => {
    prototype.query = original;
    hook.disable();
  });
  return {
    of: async (request) => {
      [statements, hashes] = [[], 0];
      observedId = randomUUID();
      await request({ 'X-Request-ID': observedId });
      observedId = undefined;
      return { statements, hashes };
    },
  };
};
