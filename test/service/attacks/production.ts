import { childrenOf, mebibyte, memoryBytesOf } from '#testkit/measures/processes.ts';
import type { TestDatabase } from '#testkit/database.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import type { Service, ServiceOptions } from '#testkit/service.ts';
import { serve, type Teardown } from '#testkit/running-service.ts';

/** The service as it is in production. Every limit has its default, except the rate limits. */
export const serveProduction = async (
  t: Teardown,
  database: TestDatabase,
  environment: Readonly<Record<string, string>> = {},
  options: Pick<ServiceOptions, 'startTimeoutMs'> = {},
): Promise<Service> =>
  serve(
    t,
    {
      NODE_ENV: 'production',
      FAULT_INJECTION: undefined,
      DATABASE_URL: database.url,
      REDIS_URL: 'redis://127.0.0.1:1',
      ...generousRateLimits,
      ...environment,
    },
    options,
  );

/** Resident memory of a process and of its children, in MiB. */
export const residentMegabytes = (pid: number): number => {
  try {
    return childrenOf(pid).reduce((sum, child) => sum + residentMegabytes(child), memoryBytesOf(pid) / mebibyte);
  } catch {
    // It ended meanwhile.
    return 0;
  }
};

export type Sent = { readonly status: number; readonly ms: number; readonly text: string };

/** A request as if from the address `from`, which is believed when loopback is a trusted proxy. */
export const postFrom = async (
  url: string,
  from: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
  signal = AbortSignal.timeout(60_000),
): Promise<Sent> => {
  const began = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': from, ...headers },
    signal,
  });
  const text = await response.text();
  return { status: response.status, ms: performance.now() - began, text };
};
