import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { LoginThrottle } from '#src/kernel/ports/rate-limiter.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { PasswordRules } from './password-rules.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { Removal } from '../removal/removal.ts';
import type { RefreshTokens, TokenPair } from '../tokens/refresh-tokens.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';
import type { NewSession, Sessions } from '../sessions/session.ts';
import { agentFamily } from '#src/kernel/requests/callers/agent-family.ts';
import type { SignInOrigin } from '../own-sessions/sign-in-origin.ts';
import type { SecondStep } from '../second-factor/second-step.ts';
import { createPasswordRefused, type CheckPassword } from '../sign-in/password-check.ts';
import { lockUnchanged } from '../sign-in/password-unchanged.ts';
import { unknownBucket, type AssertMayRegister, type BucketOfRequest } from './registration-quota.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import { createAccountReads, type AccountReadsDeps } from './account-reads.ts';
import { insertUser, newUser, normalizedEmail, replacePasswordHash, type NewRegistration, type User } from './users.ts';

export type AccountsDeps = AccountReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly hasher: SecretHasher;
  readonly rules: PasswordRules;
  readonly throttle: LoginThrottle;
  readonly places: SignInPlaces;
  readonly bucketOfRequest: BucketOfRequest;
  readonly secondStep: SecondStep;
  readonly checkPassword: CheckPassword;
  readonly verificationRequired: boolean;
  readonly refreshTokens: RefreshTokens;
  readonly sessions: Sessions;
  readonly roles: Roles;
  readonly revocations: Revocations;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly mail: Mail;
  readonly cancelRemoval: Removal['cancel'];
  readonly assertMayRegister: AssertMayRegister;
};

/** Registrations of one address at the same time are tried again, because the password of the account has changed meanwhile. */
const maxRegistrationAttempts = 5;

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

/** Accounts of users, with e-mail and password. */
export const createAccounts = (deps: AccountsDeps): Accounts => {
  const { unitOfWork, hasher, rules, throttle, places, checkPassword, secondStep, refreshTokens, sessions } = deps;
  const { revocations, audit, clock, mail, cancelRemoval, roles } = deps;
  const findPasswordHash = createAccountReads(deps);
  const passwordRefused = createPasswordRefused(deps.verificationRequired);

  /**
   * Checks the password and records the sign-in.
   * @param begin creates the tokens or the session, in the same transaction
   * @throws AppError `second_factor_required` if the user has a second factor; the sign-in then waits for its code
   */
  const signIn = async <Result>(
    request: SignIn,
    wantsSession: boolean,
    begin: (transaction: Transaction, user: User, origin: SignInOrigin) => Promise<Result>,
    isRepeated = false,
  ): Promise<Result> => {
    const { user, attempt, placeHash, outdated } = await checkPassword(request, 'sign_in');
    const newHash = outdated ? await hasher.hash(request.password) : undefined;
    const result = await unitOfWork.run(
      { operation: 'auth.login', alone: lockNames.account(user.id) },
      async (transaction) => {
        const event = { stream: `user:${user.id}`, outcome: 'success', target: user.id } as const;
        const locked = await lockUnchanged(transaction, user);
        if (!locked) return undefined;
        if (newHash !== undefined) {
          await replacePasswordHash(transaction, user.id, { before: user.password_hash, after: newHash });
          await audit.record(transaction, { ...event, action: 'user.password_rehashed' });
        }
        const origin = { agent: agentFamily(request.userAgent), placeHash };
        if (locked.second_factor) {
          return { secondFactorToken: await secondStep.begin(transaction, user.id, origin, wantsSession) };
        }
        const actor = { kind: 'user', subject: user.id } as const;
        await audit.record(transaction, { ...event, action: 'user.signed_in', actor });
        if (locked.removal_planned) await cancelRemoval(transaction, user.id, locked.email);
        await places.remember(transaction, user.id, placeHash, clock.now());
        return {
          begun: await begin(transaction, { ...user, email: locked.email, scopes: heldScopes(roles, user) }, origin),
        };
      },
    );
    // Another sign-in has renewed the hash, or the password was changed meanwhile: check it again.
    if (!result && isRepeated) throw passwordRefused('sign_in');
    if (!result) return signIn(request, wantsSession, begin, true);
    await throttle.succeeded(attempt);
    if ('secondFactorToken' in result) throw secondStep.required(result.secondFactorToken);
    return result.begun;
  };

  /** @returns false if the account of the address has another hash than `seenHash` now */
  const enter = (
    account: string,
    hash: string,
    seen: Pick<NewRegistration, 'seenHash' | 'isSamePassword'>,
  ): Promise<boolean> => {
    const id = uuidv7();
    const createdAt = clock.now();
    return unitOfWork.run({ operation: 'auth.register', alone: lockNames.address(account) }, async (transaction) => {
      const user = { ...newUser, id, email: account, password_hash: hash };
      const replacesPending = deps.verificationRequired;
      const bucket = deps.bucketOfRequest() ?? unknownBucket;
      const holder = await insertUser(transaction.query, user, { createdAt, replacesPending, bucket, ...seen });
      if (!holder) return false;
      const auditTarget = { stream: `user:${holder.id}`, target: holder.id } as const;
      const data = { role: newUser.role, scopes: [...newUser.scopes], created_at: createdAt.toISOString() };
      // The address gets a message in both cases: to verify it, or to tell its owner.
      if (mail.isConfigured) {
        const waiting = deps.verificationRequired && { passwordHash: hash };
        await mail.request(transaction, { kind: 'registration', recipient: account, ...waiting });
      }
      // Both cases are recorded, so that both take the same time.
      await audit.record(
        transaction,
        holder.inserted
          ? { ...auditTarget, action: 'user.registered', outcome: 'success', data }
          : { ...auditTarget, action: 'user.registration_refused', outcome: 'refused' },
      );
      return true;
    });
  };

  return {
    register: async ({ email, password }) => {
      const account = normalizedEmail(email);
      rules.check(password, account);
      await deps.assertMayRegister();
      const hash = await hasher.hash(password);
      // Another registration or a change of the password may come between the reading and the writing.
      for (let attempt = 0; attempt < maxRegistrationAttempts; attempt += 1) {
        const seenHash = await findPasswordHash(account);
        const { valid: isSamePassword } = await hasher.verify(password, seenHash);
        if (await enter(account, hash, { seenHash, isSamePassword })) return;
      }
    },

    login: async (request) => (await signIn(request, false, refreshTokens.open)).sign(),

    openSession: (request, previous) =>
      signIn(request, true, async (transaction, user, origin) => ({
        ...(await sessions.open(transaction, user, origin, previous)),
        user,
      })),

    logout: async (principal) => {
      const { kind, subject, sessionId, tokenId, tokenExpiresAt } = principal;
      // An API key is not a sign-in. DELETE /api-keys/{id} ends it.
      if (kind === 'api_key') return;
      // A client has no row that its sign-outs lock.
      const alone = kind === 'user' && { alone: lockNames.account(subject) };
      const ended = await unitOfWork.run({ operation: 'auth.logout', ...alone }, async (transaction) => {
        // Not the stream `client:`, because the row of a client is rebuilt from the events of that stream.
        const stream = kind === 'user' ? (`user:${subject}` as const) : (`session:${subject}` as const);
        const event = { stream, outcome: 'success' } as const;
        if (sessionId !== undefined) {
          if (await sessions.end(transaction, sessionId)) {
            await audit.record(transaction, { ...event, action: 'user.signed_out', target: sessionId });
          }
          return [];
        }
        if (tokenId === undefined || tokenExpiresAt === undefined) return [];
        const own: EndedToken = { id: tokenId, expiresAt: new Date(tokenExpiresAt * 1000) };
        const isNew = await revocations.record(transaction, [own]);
        const family = await refreshTokens.endFamilyOf(transaction, principal);
        if (!isNew) return family;
        const action = kind === 'user' ? 'user.signed_out' : 'token.revoked';
        await audit.record(transaction, { ...event, action, target: tokenId });
        return [own, ...family];
      });
      revocations.announce(ended);
    },
  };
};
