import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { PasswordRules } from './password-rules.ts';
import type { AssertMayRegister } from './registration-quota.ts';
import type { RefreshTokens, TokenPair } from '../tokens/refresh-tokens.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';
import type { NewSession, Sessions } from '../sessions/sessions.ts';
import { agentFamily, type SignInOrigin } from '../own-sessions/agent-family.ts';
import type { SecondStep } from '../second-factor/second-step.ts';
import type { SignInRefusals } from '../sign-in/sign-in-refusals.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import { findUser, insertUser, newUser, normalizedEmail, replacePasswordHash, type User } from './users.ts';

export type AccountsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly hasher: SecretHasher;
  readonly rules: PasswordRules;
  readonly throttle: LoginThrottle;
  readonly places: SignInPlaces;
  readonly refusals: SignInRefusals;
  readonly secondStep: SecondStep;
  readonly refreshTokens: RefreshTokens;
  readonly sessions: Sessions;
  readonly roles: Roles;
  readonly revocations: Revocations;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly assertMayRegister: AssertMayRegister;
};

type Registration = { readonly email: string; readonly password: string };
type SignIn = Registration & { readonly clientIp: string; readonly userAgent: string | undefined };

export type Accounts = {
  /**
   * Creates an account, unless the address has one. Result, work and time are the same in both cases.
   * @throws AppError `validation_failed` for a password that breaks the rules, `quota_exceeded`, `overloaded`
   */
  readonly register: (registration: Registration) => Promise<void>;
  /** @throws AppError `credentials_invalid`, `second_factor_required`, `rate_limit_exceeded`, `overloaded` */
  readonly login: (signIn: SignIn) => Promise<TokenPair>;
  /** Like `login`, for a browser. @param previous session token of the request; its session ends */
  readonly openSession: (signIn: SignIn, previous: string | undefined) => Promise<NewSession & { readonly user: User }>;
  /** Ends the session of the caller, or its access token with the refresh family. */
  readonly logout: (principal: Principal) => Promise<void>;
};

const signInRefused = (): AppError =>
  new AppError('credentials_invalid', 'Wrong e-mail or password', { headers: { 'WWW-Authenticate': 'Bearer' } });

/** Accounts of users, with e-mail and password. */
export const createAccounts = (deps: AccountsDeps): Accounts => {
  const { unitOfWork, reader, hasher, rules, throttle, places, refusals, secondStep, refreshTokens, sessions } = deps;
  const { revocations, audit, clock, roles } = deps;

  /**
   * Checks the password and records the sign-in.
   * @param begin creates the tokens or the session, in the same transaction
   * @throws AppError `second_factor_required` if the user has a second factor; the sign-in then waits for its code
   */
  const signIn = async <Result>(
    { email, password, clientIp, userAgent }: SignIn,
    wantsSession: boolean,
    begin: (transaction: Transaction, user: User, origin: SignInOrigin) => Promise<Result>,
  ): Promise<Result> => {
    const account = normalizedEmail(email);
    const placeHash = places.hashOf(account, clientIp);
    const user = await findUser(reader.query, account, placeHash);
    const attempt = { account, clientIp, knownPlace: user?.known_place ?? false };
    await refusals.assertNotThrottled(attempt, user?.id);
    const { valid, outdated } = await hasher.verify(password, user?.password_hash);
    if (!valid || !user || user.disabled) {
      await refusals.record({ action: 'user.sign_in_refused', reason: 'credentials_invalid' }, user?.id);
      throw signInRefused();
    }
    const newHash = outdated ? await hasher.hash(password) : undefined;
    const result = await unitOfWork.run({ operation: 'auth.login' }, async (transaction) => {
      const event = { stream: `user:${user.id}`, outcome: 'success', target: user.id } as const;
      if (newHash !== undefined) {
        await replacePasswordHash(transaction, user.id, { before: user.password_hash, after: newHash });
        await audit.record(transaction, { ...event, action: 'user.password_rehashed' });
      }
      const origin = { agent: agentFamily(userAgent), placeHash };
      if (user.second_factor) {
        return { secondFactorToken: await secondStep.begin(transaction, user.id, origin, wantsSession) };
      }
      const actor = { kind: 'user', subject: user.id } as const;
      await audit.record(transaction, { ...event, action: 'user.signed_in', actor });
      await places.remember(transaction, user.id, placeHash, clock.now());
      return { begun: await begin(transaction, { ...user, scopes: heldScopes(roles, user) }, origin) };
    });
    await throttle.succeeded(attempt);
    if ('secondFactorToken' in result) throw secondStep.required(result.secondFactorToken);
    return result.begun;
  };

  return {
    register: async ({ email, password }) => {
      await deps.assertMayRegister();
      const account = normalizedEmail(email);
      rules.check(password, account);
      const hash = await hasher.hash(password);
      const id = uuidv7();
      const createdAt = clock.now();
      await unitOfWork.run({ operation: 'auth.register' }, async (transaction) => {
        const user = { ...newUser, id, email: account, password_hash: hash };
        const holder = await insertUser(transaction.query, user, createdAt);
        if (!holder) return;
        const auditTarget = { stream: `user:${holder.id}`, target: holder.id } as const;
        const data = { role: newUser.role, scopes: [...newUser.scopes], created_at: createdAt.toISOString() };
        // Both cases are recorded, so that both take the same time.
        await audit.record(
          transaction,
          holder.inserted
            ? { ...auditTarget, action: 'user.registered', outcome: 'success', data }
            : { ...auditTarget, action: 'user.registration_refused', outcome: 'refused' },
        );
      });
    },

    login: (request) => signIn(request, false, refreshTokens.open),

    openSession: (request, previous) =>
      signIn(request, true, async (transaction, user, origin) => ({
        ...(await sessions.open(transaction, user, origin, previous)),
        user,
      })),

    logout: async (principal) => {
      const { kind, subject, sessionId, tokenId, tokenExpiresAt } = principal;
      // An API key is not a sign-in. DELETE /api-keys/{id} ends it.
      if (kind === 'api_key') return;
      const ended = await unitOfWork.run({ operation: 'auth.logout' }, async (transaction) => {
        // Not the stream `client:`, because the row of a client is rebuilt from the events of that stream.
        const stream = kind === 'user' ? (`user:${subject}` as const) : (`session:${subject}` as const);
        const event = { stream, outcome: 'success' } as const;
        if (sessionId !== undefined) {
          await sessions.end(transaction, sessionId);
          await audit.record(transaction, { ...event, action: 'user.signed_out', target: sessionId });
          return [];
        }
        if (tokenId === undefined || tokenExpiresAt === undefined) return [];
        const own: EndedToken = { id: tokenId, expiresAt: new Date(tokenExpiresAt * 1000) };
        const family = await refreshTokens.endFamilyOf(transaction, principal);
        await revocations.record(transaction, [own]);
        const action = kind === 'user' ? 'user.signed_out' : 'token.revoked';
        await audit.record(transaction, { ...event, action, target: tokenId });
        return [own, ...family];
      });
      revocations.announce(ended);
    },
  };
};
