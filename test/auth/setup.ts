import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createAuth, type Auth, type AuthDeps } from '#src/auth/auth.ts';
import type { AuthSettings } from '#src/auth/auth-settings.ts';
import { loadKeyRing, type KeyRing, type KeyRingOptions } from '#src/auth/keys/key-ring.ts';
import { createOwners } from '#src/auth/owners/owners.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { noAudit } from '#src/kernel/ports/audit.ts';
import { noFaults } from '#src/kernel/catalogue/faults.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import { scopes, type Principal } from '#src/kernel/requests/principal.ts';
import { unlimitedLookups } from '#src/kernel/credentials/credential-lookups.ts';
import { noMail } from '#src/kernel/ports/account/mail.ts';
import { noLoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { AuthPolicy, Route } from '#src/kernel/requests/route.ts';
import type { Query, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';
import { rsaKeyPair } from '#testkit/rsa-keys.ts';

export const issuer = 'https://volwatch.test';
export const audience = 'volwatch-test';
/** The instant at which every test token is shown. */
export const now = 1_800_000_000;

export const pemOf = (key: KeyObject): string =>
  key.type === 'private'
    ? key.export({ type: 'pkcs8', format: 'pem' }).toString()
    : key.export({ type: 'spki', format: 'pem' }).toString();

export const edPair = () => generateKeyPairSync('ed25519');

export const ringOf = async (options: Partial<KeyRingOptions>): Promise<KeyRing> => {
  const { keyRing, faults } = await loadKeyRing({ production: true, ...options });
  if (!keyRing) throw new Error(faults.join('\n'));
  return keyRing;
};

const signing = rsaKeyPair('signing');
const further = edPair();
const stranger = rsaKeyPair('stranger');
export const keys = { signing, further, stranger };
const ring = await ringOf({ privateKeyPem: pemOf(signing.privateKey), publicKeys: pemOf(further.publicKey) });
export const kids = { signing: ring.signing.id, further: ring.jwks.keys[1]!.kid };

export type Setup = {
  readonly auth: Auth;
  readonly metrics: RecordedMetrics;
  readonly route: (path: string) => Route;
  readonly show: (authorization: string | undefined, policy?: AuthPolicy) => Promise<Principal | undefined>;
};

/** Weak enough to be quick. */
export const quickHashing = { memoryKib: 64, passes: 1, parallelism: 1, concurrency: 2, queue: 64 };

export const settings: AuthSettings = {
  issuer,
  audience,
  formerIssuers: [],
  publicUrl: () => 'https://api.volwatch.test',
  accessTokenSeconds: 900,
  clockToleranceSeconds: 5,
  refreshTokenSeconds: 86_400,
  sessionSeconds: 43_200,
  sessionIdleSeconds: 3_600,
  sameSite: 'strict',
  maxUsersWithoutSignIn: 1_000,
  maxRegistrationsPerNetwork: 1_000,
  maxTokensPerSignIn: 3_000,
  maxFamiliesPerUser: 200,
  secondStepSeconds: 300,
  recentSignInSeconds: 900,
  maxSecondFactorFailures: 5,
  minPasswordCharacters: 8,
  maxApiKeys: 5,
  keyRotationHours: 24,
  hashing: quickHashing,
  roles: new Map([
    ['user', []],
    ['analyst', ['ml:read', 'market:refresh']],
    ['admin', [...scopes]],
  ]),
  revocationPollMs: 50,
  foreignUsers: true,
  passwordResetSeconds: 1_800,
  emailTokenSeconds: 86_400,
  verificationRequired: false,
  verifiedForSecondFactor: false,
  removalGraceDays: 14,
  accountPageUrl: undefined,
  usageFlushMs: 60_000,
  cleanUpMs: 60_000,
  origins: ['https://app.volwatch.test'],
};

/** For the trail alone, which records nothing here. */
const noDatabase: UnitOfWork = {
  run: (_, work) =>
    work({ em: undefined as never, query: async () => [], copyIn: async () => 0, beforeCommit: () => {} }),
};

export type Overrides = Partial<AuthDeps> & {
  readonly isRevoked?: (principal: { readonly tokenId: unknown }) => Promise<boolean>;
};

/** An empty database, where only revoked tokens are known. */
const emptyDatabase = (isRevoked: Overrides['isRevoked']): Query =>
  (async (text: string, [first]: readonly unknown[] = []) =>
    text.includes('revoked_token') && (await isRevoked?.({ tokenId: first })) ? [{ found: 1 }] : []) as Query;

/** The auth room with a fixed clock and no database, its metrics recorded. */
export const setup = ({ isRevoked, ...overrides }: Overrides = {}): Setup => {
  const metrics = recordMetrics();
  const clock = { now: () => new Date(now * 1000), monotonic: () => performance.now() };
  const bootstrap = 'bootstrap' in overrides ? overrides.bootstrap : { id: 'desk', secret: 'a secret: 100%+' };
  const reader = overrides.reader ?? { query: emptyDatabase(isRevoked) };
  const auth = createAuth({
    settings,
    keyRing: ring,
    bootstrap,
    secrets: {
      apiKeys: 'test secret of keys',
      csrf: Buffer.from('test secret of csrf'),
      places: Buffer.from('places'),
      secondFactors: [Buffer.alloc(32, 'second factors')],
      tags: Buffer.from('tags'),
    },
    unitOfWork: noDatabase,
    reader,
    databaseTime: async () => clock.now(),
    owners: createOwners({
      reader,
      clock,
      roles: settings.roles,
      bootstrap: { id: 'desk' },
      cacheMs: 1_000,
      verificationRequired: false,
    }),
    mail: noMail,
    abuse: noAbuseReport,
    removeWebhooks: async () => 0,
    removeData: async () => {},
    removeSettings: async () => {},
    audit: noAudit,
    throttle: noLoginThrottle,
    lookups: unlimitedLookups,
    cursors: createCursors({ secret: 'test secret of cursors' }),
    clock,
    logger: silentLogger,
    metrics,
    faults: noFaults,
    ...overrides,
  });
  return {
    auth,
    metrics,
    route: (path) => auth.routes.find((route) => route.path === path)!,
    show: (authorization, policy = 'authenticated') =>
      auth.authenticate({ headers: authorization === undefined ? {} : { authorization } }, policy),
  };
};

export const clientClaims = {
  iss: issuer,
  aud: audience,
  sub: 'desk',
  iat: now - 10,
  nbf: now - 10,
  exp: now + 600,
  jti: 'token-1',
  scope: 'market:refresh ml:read',
};
export const enhancedClaims = { ...clientClaims, sub: 'user-7', email: 'ada@example.org', role: 'analyst' };
export const legacyClaims = {
  iss: issuer,
  aud: audience,
  sub: 'ada@example.org',
  id: 'user-7',
  role: 'analyst',
  exp: now + 600,
  scope: 'market:refresh ml:read',
};

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const goodHeader = { alg: 'RS256', kid: kids.signing, typ: 'at+jwt' };

/** A token made by hand, so that it may be as wrong as a test likes; strings stand for raw JSON text. */
export const craft = (header: unknown, payload: unknown, key: KeyObject = signing.privateKey): string => {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(input), key);
  return `${input}.${signature.toString('base64url')}`;
};
