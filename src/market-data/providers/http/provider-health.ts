import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Dependency, HealthCheck } from '#src/kernel/ports/health.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';

export type ProviderHealthDeps = { readonly dependency: Dependency; readonly policy: Policy };

export type ProviderHealth = {
  readonly healthCheck: HealthCheck;
  /** Runs a fetch, and remembers the code of its failure until the next one. */
  readonly watch: <T>(fetch: () => Promise<T>) => Promise<T>;
};

/**
 * Health from the circuit state and the last fetch. There is no request for the check, because it would count for the
 * request limit of the provider.
 */
export const createProviderHealth = ({ dependency, policy }: ProviderHealthDeps): ProviderHealth => {
  let lastFailure: string | undefined;
  return {
    watch: async (fetch) => {
      try {
        const result = await fetch();
        lastFailure = undefined;
        return result;
      } catch (error) {
        lastFailure = codeOf(error);
        throw error;
      }
    },
    healthCheck: {
      dependency,
      required: false,
      check: async () => {
        const circuit = policy.state();
        const detail = `circuit ${circuit}${lastFailure === undefined ? '' : `; last fetch: ${lastFailure}`}`;
        if (circuit === 'open') return { status: 'down', detail };
        return { status: circuit === 'closed' && lastFailure === undefined ? 'up' : 'degraded', detail };
      },
    },
  };
};
