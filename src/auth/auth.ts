import type { Clock } from '#src/kernel/clock.ts';
import type { Faults } from '#src/kernel/faults.ts';
import type { Metrics } from '#src/kernel/metrics.ts';
import type { Principal } from '#src/kernel/principal.ts';
import type { Route } from '#src/kernel/route.ts';
import { createAuthenticator, type Authenticate } from './authenticator.ts';
import type { ClientStore } from './clients.ts';
import type { KeyRing } from './key-ring.ts';
import { createMeasure } from './measured.ts';
import { keySetRoute, meRoute, metadataRoute } from './routes.ts';
import { tokenRoute } from './token-endpoint.ts';
import { createTokenIssuer } from './token-issuer.ts';
import { createTokenVerifier } from './token-verifier.ts';

export type AuthDeps = {
  readonly keyRing: KeyRing;
  readonly issuer: string;
  readonly audience: string;
  /** Absolute base of the URLs in the metadata document. */
  readonly publicUrl: string;
  readonly accessTokenSeconds: number;
  readonly clockToleranceSeconds: number;
  readonly clients: ClientStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly isRevoked?: (principal: Principal) => Promise<boolean>;
};

export type Auth = { readonly routes: readonly Route[]; readonly authenticate: Authenticate };

export const createAuth = (deps: AuthDeps): Auth => {
  const measure = createMeasure(deps);
  const verifier = createTokenVerifier({ ...deps, measure });
  const tokens = createTokenIssuer({ ...deps, lifetimeSeconds: deps.accessTokenSeconds });
  return {
    routes: [
      tokenRoute({ clients: deps.clients, tokens, measure }),
      meRoute(),
      keySetRoute(deps.keyRing),
      metadataRoute(deps.issuer, deps.publicUrl),
    ],
    authenticate: createAuthenticator({ verifier, metrics: deps.metrics }),
  };
};
