/** Compares the verification of new and known access tokens with jose's `jwtVerify` of the same token: `npm run bench:auth`. */
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { createMeasure } from '#src/auth/measured.ts';
import { createRevocations } from '#src/auth/tokens/revocations.ts';
import { loadKeyRing } from '#src/auth/keys/key-ring.ts';
import { createTokenIssuer } from '#src/auth/tokens/token-issuer.ts';
import { createTokenVerifier } from '#src/auth/tokens/token-verifier.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { noFaults as faults } from '#src/kernel/catalogue/faults.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { scopes } from '#src/kernel/requests/principal.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

const rounds = 5000;
const issuer = 'https://volwatch.local';
const audience = 'volwatch-api';

/** Ten thousand revoked tokens. None of the verified tokens is revoked. */
const revokedRows = Array.from({ length: 10_000 }, (_, index) => ({
  token_id: `revoked-${index}`,
  expires_at: new Date(Date.now() + 900_000),
}));
const reader = { query: (async () => revokedRows) as Query };

/**
 * Runs the candidates alternately, so that other load on the machine affects all of them equally. The first half is
 * for warm-up.
 */
const compare = async (candidates: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> => {
  const taken = new Map<string, number[]>(Object.keys(candidates).map((name) => [name, []]));
  for (let round = 0; round < 2 * rounds; round += 1) {
    for (const [name, work] of Object.entries(candidates)) {
      const start = performance.now();
      await work();
      if (round >= rounds) taken.get(name)?.push((performance.now() - start) * 1000);
    }
  }
  for (const [name, microseconds] of taken) {
    microseconds.sort((a, b) => a - b);
    const at = (share: number) =>
      `${(microseconds[Math.floor(share * rounds)] ?? Number.NaN).toFixed(1)} us`.padStart(10);
    console.log(`${name.padEnd(24)} median ${at(0.5)}   p99 ${at(0.99)}`);
  }
};

const pairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
for (const [algorithm, pair] of Object.entries(pairs)) {
  const privateKeyPem = pair().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { keyRing } = await loadKeyRing({ privateKeyPem, production: true });
  if (!keyRing) throw new Error('The key that was generated for this run was refused');
  const tokens = createTokenIssuer({ keyRing, issuer, audience, lifetimeSeconds: 3600, clock });
  const measure = createMeasure({ clock, metrics });
  const revocations = createRevocations({ reader, clock, logger, pollMs: 1_000 });
  revocations.start();
  const verifier = createTokenVerifier({
    keyRing,
    issuer,
    formerIssuers: [],
    audience,
    clockToleranceSeconds: 5,
    clock,
    metrics,
    faults,
    measure,
    isRevoked: revocations.isRevoked,
  });
  const sign = async (): Promise<string> =>
    (await tokens.prepare({ kind: 'client', subject: 'bench' }, scopes).sign()).accessToken;
  const accessToken = await sign();
  const fresh: string[] = [];
  while (fresh.length < 2 * rounds) fresh.push(await sign());
  const options = { issuer, audience, typ: 'at+jwt', algorithms: [algorithm] };

  await compare({
    [`${algorithm} jose jwtVerify`]: () => jwtVerify(accessToken, keyRing.signing.key, options),
    [`${algorithm} verifier, new token`]: () => verifier.verify(fresh.pop()!),
    [`${algorithm} verifier, known token`]: () => verifier.verify(accessToken),
    [`${algorithm} issuer.prepare and sign`]: sign,
  });
  revocations.close();
}
