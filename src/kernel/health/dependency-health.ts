import { codeOf, errorTable, type ErrorCode } from '../catalogue/errors.ts';
import type { Dependency, HealthCheck } from '../ports/health.ts';
import type { Policy } from '../ports/policy.ts';

export type DependencyHealthDeps = {
  readonly dependency: Dependency;
  readonly policy: Policy;
  /** What is watched, for the detail of the check: `last fetch: external_api_timeout`. */
  readonly work: 'call' | 'fetch' | 'message';
};

export type DependencyHealth = {
  readonly healthCheck: HealthCheck;
  /**
   * Does work that may send several requests, each by the `run` that it is given: `run` of the policy, which also notes
   * failures. The code of a failure is known until the work succeeds the next time.
   */
  readonly watch: <T>(work: (run: Policy['run']) => Promise<T>) => Promise<T>;
};

const isExternal = (code: ErrorCode): boolean => errorTable[code].category === 'external_api';

/**
 * Health of a dependency from the circuit state and from its last failure. The check sends no request, because requests
 * count for the limit of the dependency.
 *
 * A failure is a request that failed, or an answer that proves bad when it is read. A full bulkhead, an open circuit, a
 * spent quota of this service and an abort by the caller say nothing about the dependency, so they change nothing.
 */
export const createDependencyHealth = ({ dependency, policy, work: name }: DependencyHealthDeps): DependencyHealth => {
  let lastFailure: ErrorCode | undefined;
  return {
    watch: async (work) => {
      let failure: ErrorCode | undefined;
      const run: Policy['run'] = (call, send) =>
        policy.run(call, async (signal) => {
          try {
            return await send(signal);
          } catch (error) {
            // After the timeout of an attempt, the reason is more useful than the error of the request.
            if (!call.signal.aborted) failure = codeOf(signal.aborted ? signal.reason : error);
            throw error;
          }
        });
      try {
        const value = await work(run);
        lastFailure = undefined;
        return value;
      } catch (error) {
        const code = codeOf(error);
        // No refusal by this service has this code, so the answer was bad.
        if (code === 'external_api_bad_response') failure = code;
        if (failure !== undefined && isExternal(failure)) lastFailure = failure;
        throw error;
      }
    },
    healthCheck: {
      dependency,
      required: false,
      check: async () => {
        const circuit = policy.state();
        const detail = `circuit ${circuit}${lastFailure === undefined ? '' : `; last ${name}: ${lastFailure}`}`;
        if (circuit === 'open') return { status: 'down', detail };
        return { status: circuit === 'closed' && lastFailure === undefined ? 'up' : 'degraded', detail };
      },
    },
  };
};
