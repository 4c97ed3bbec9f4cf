import { createHmac } from 'node:crypto';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import type { LoginThrottle, SignInAttempt, ThrottleRefusal } from '#src/kernel/ports/rate-limiter.ts';
import type { Count, Counters } from './counters.ts';
import type { PolicyName, Quota } from './policies.ts';
import { createRefusalAsNew } from './refusal-as-new.ts';

export type LoginThrottleDeps = {
  readonly counters: Counters;
  /** Key of the hashes of accounts. It must be the same on all instances. */
  readonly hashKey: Uint8Array;
  /** For one account from one network: the number of attempts without a delay, and the max delay after them. */
  readonly place: Quota;
  /** For one account from all networks without an earlier sign-in. */
  readonly elsewhere: Quota;
  /** Number of accounts without an earlier sign-in from a network that have counters of their own there. */
  readonly newAccounts: number;
  /** Counts the decision and records refused subjects. */
  readonly decided: (policy: PolicyName, subject: string, count: Count) => void;
};

/** The first delay. Each further attempt that passes doubles it. */
const firstDelaySeconds = 30;

/** Window of the attempts of one account and network, and of the new accounts of a network. `succeeded` ends it early. */
export const placeWindowSeconds = 86_400;

/**
 * Seconds before the end of the window of `account_new` at which a payment is forgotten. It is noted by a second command, so without them a
 * late one would outlive the window and be given back in the next one. Longer than a command to Redis may take.
 */
const paidMarginSeconds = 10;

const pairPolicies = ['account_place', 'account_delay', 'account_level'] as const;

export const createLoginThrottle = (deps: LoginThrottleDeps): LoginThrottle => {
  const { counters, hashKey, place, elsewhere, newAccounts, decided } = deps;

  const hash = (text: string): string => createHmac('sha256', hashKey).update(text).digest('base64url');
  const accountOf = (account: string): string => account.trim().toLowerCase();
  const pairOf = (account: string, clientIp: string): string =>
    hash(`${accountOf(account)} ${countedAddress(clientIp)}`);
  /** Counts the wrong passwords of a known place as if it were a new one. */
  const pairAsNewOf = (account: string, clientIp: string): string =>
    hash(`${accountOf(account)} ${countedAddress(clientIp)} as new`);

  /**
   * The subject that counts an attempt of a pair that is new. A network has a max number of accounts that it has not signed in to, because
   * each of them is a counter that anybody can make and that is kept for a day. Further accounts of the network have
   * one counter together. The right password does not reset it: otherwise an account of the attacker would end the
   * delays of all others.
   * What an account has paid is noted, because its counter may also be from a time when the network was a known one.
   */
  const subjectOf = async (pair: string, clientIp: string): Promise<string> => {
    if ((await counters.consumed('account_place', pair)) > 0) return pair;
    const network = hash(countedAddress(clientIp));
    const { allowed, resetSeconds } = await counters.consume('account_new', network);
    if (!allowed) return network;
    const paidSeconds = resetSeconds - paidMarginSeconds;
    if (paidSeconds > 0) await counters.consume('account_paid', pair, paidSeconds);
    return pair;
  };

  const delayAt = (level: number): number => Math.min(firstDelaySeconds * 2 ** level, place.windowSeconds);
  const refusalAsNew = createRefusalAsNew({
    counters,
    placePoints: place.points,
    elsewherePoints: elsewhere.points,
    newAccounts,
    delayAt,
  });

  /**
   * The last attempt without a delay starts the first delay, so of simultaneous attempts exactly the allowed number
   * passes.
   * Refused attempts do not increase the level, so they do not make the next delay longer.
   */
  const consumeForPlace = async (subject: string): Promise<ThrottleRefusal | undefined> => {
    const { consumed } = await counters.consume('account_place', subject);
    if (consumed < place.points) return undefined;
    const level = await counters.consumed('account_level', subject);
    const delay = await counters.consume('account_delay', subject, delayAt(level));
    if (delay.allowed) {
      await counters.consume('account_level', subject);
      return undefined;
    }
    decided('account_place', subject, delay);
    return { retryAfterSeconds: delay.resetSeconds, isFirst: delay.consumed === 2 };
  };

  const attemptOfNew = async (
    pair: string,
    { account, clientIp }: SignInAttempt,
  ): Promise<ThrottleRefusal | undefined> => {
    const refusal = await consumeForPlace(await subjectOf(pair, clientIp));
    if (refusal) return refusal;
    const subject = hash(accountOf(account));
    const count = await counters.consume('account', subject);
    decided('account', subject, count);
    if (count.allowed) return undefined;
    return { retryAfterSeconds: count.resetSeconds, isFirst: count.consumed === elsewhere.points + 1 };
  };

  return {
    attempt: (attempt) => {
      const pair = pairOf(attempt.account, attempt.clientIp);
      return attempt.knownPlace ? consumeForPlace(pair) : attemptOfNew(pair, attempt);
    },

    failed: async (attempt) =>
      attempt.knownPlace ? attemptOfNew(pairAsNewOf(attempt.account, attempt.clientIp), attempt) : undefined,

    shown: async ({ account, clientIp, knownPlace }, refusal) => {
      if (!knownPlace) return refusal;
      const pair = pairAsNewOf(account, clientIp);
      const subjects = { pair, network: hash(countedAddress(clientIp)), account: hash(accountOf(account)) };
      const asNew = await refusalAsNew(subjects);
      return asNew ? { ...asNew, isFirst: asNew.isFirst || refusal.isFirst } : refusal;
    },

    succeeded: async ({ account, clientIp, knownPlace }) => {
      const pair = pairOf(account, clientIp);
      const pairAsNew = knownPlace ? pairAsNewOf(account, clientIp) : pair;
      for (const policy of pairPolicies)
        for (const key of new Set([pair, pairAsNew])) await counters.reset(policy, key);
      // Of simultaneous sign-ins one removes the note. If each of them gave the point back, the max would grow.
      if (await counters.reset('account_paid', pairAsNew))
        await counters.refund('account_new', hash(countedAddress(clientIp)));
      if (!knownPlace) await counters.refund('account', hash(accountOf(account)));
    },
  };
};
