import { createHash, randomUUID } from 'node:crypto';
import { LockMode, type InferEntity } from '@mikro-orm/core';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Idempotency, IdempotencyClaim, StoredReply } from '#src/kernel/ports/idempotency.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { AssertCallerMayStore } from '#src/kernel/ports/owners.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { runBeyondRequest } from '#src/kernel/requests/request-context.ts';
import { IdempotencyKeyEntity } from './entities.ts';
import type { IdempotencyQuota } from './quota.ts';

export type IdempotencyDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly quota: IdempotencyQuota;
  /** Milliseconds that a key is stored. */
  readonly ttlMs: number;
  /**
   * Milliseconds after which an attempt that did not renew its lease counts as dead. It renews after each third of this
   * time.
   */
  readonly leaseMs: number;
};

type Known = { readonly fingerprint: string; readonly reply: string | null; readonly ended: boolean };
/** Identifies one attempt at a key. */
type OwnKey = { readonly subject: string; readonly keyHash: string; readonly owner: string };
type Key = OwnKey & { readonly countedAgainst: string };
type StoredKey = InferEntity<typeof IdempotencyKeyEntity>;

/**
 * Takes a key that is new or expired, or whose attempt died before it stored an answer. Else it changes nothing. SQL,
 * because it decides and writes in one step, by the clock of the server, so that of two requests one takes the key.
 */
const claimSql = `
  insert into idempotency_key as known (subject, key_hash, fingerprint, owner, lease_until, expires_at, counted_against)
  values ($1, $2, $3, $4, now() + $5 * interval '1 ms', now() + $6 * interval '1 ms', $7)
  on conflict (subject, key_hash) do update set
    fingerprint = excluded.fingerprint, owner = excluded.owner, lease_until = excluded.lease_until,
    expires_at = excluded.expires_at, counted_against = excluded.counted_against, finished_at = null, reply = null
  where known.expires_at <= now() or (
    known.fingerprint = excluded.fingerprint and known.finished_at is null and known.reply is null
    and known.lease_until <= now()
  )
  returning 1`;
const readSql = `
  select fingerprint, reply, finished_at is not null or lease_until <= now() as ended
  from idempotency_key where subject = $1 and key_hash = $2`;
/** SQL, because the clock of the server decides when a lease ends. */
const renewSql = `
  update idempotency_key set lease_until = now() + $4 * interval '1 ms' where subject = $1 and key_hash = $2 and owner = $3`;

/** Seconds that a caller must wait before the next attempt. */
const retryAfter = 1;

/**
 * Implements the port of the kernel. The keys are in the same PostgreSQL as the effects, so one transaction stores
 * both.
 */
export const createIdempotency = (deps: IdempotencyDeps): Idempotency => {
  const { unitOfWork, assertCallerMayStore, metrics, logger, clock, quota, ttlMs, leaseMs } = deps;

  /** @returns the stored reply of an earlier request; undefined if this attempt has taken the key */
  const claim = async (
    { subject, keyHash, owner, countedAgainst }: Key,
    fingerprint: string,
  ): Promise<StoredReply | undefined> => {
    const found = await unitOfWork.run({ operation: 'idempotency.claim' }, async ({ query }) => {
      // No foreign key refers to the owner, so a key that is stored after the erasure of its owner would stay.
      await assertCallerMayStore(query);
      const taken = await query(claimSql, [subject, keyHash, fingerprint, owner, leaseMs, ttlMs, countedAgainst]);
      if (taken.length === 1) {
        await quota.assertKeys(query, countedAgainst);
        return 'taken';
      }
      return (await query<Known>(readSql, [subject, keyHash]))[0];
    });
    if (found === 'taken') return undefined;
    if (found && found.fingerprint !== fingerprint) throw new AppError('idempotency_key_reused');
    if (found?.ended && found.reply !== null) return JSON.parse(found.reply) as StoredReply;
    // The first request still runs, or it failed between the two statements and its key was deleted.
    throw new AppError('idempotency_in_progress', undefined, { retryAfter });
  };

  /** Finds the key of an attempt, locked until the end of the transaction. Null if another attempt has taken it. */
  const findOwn = ({ em }: Transaction, own: OwnKey): Promise<StoredKey | null> =>
    em.findOne(IdempotencyKeyEntity, own, { lockMode: LockMode.PESSIMISTIC_WRITE });

  const end = async (own: OwnKey, change: (key: StoredKey, transaction: Transaction) => void): Promise<void> => {
    try {
      // The client may have left. The next attempt with the key must find the outcome all the same.
      await runBeyondRequest(() =>
        unitOfWork.run({ operation: 'idempotency.finish' }, async (transaction) => {
          const key = await findOwn(transaction, own);
          if (key) change(key, transaction);
        }),
      );
    } catch (error) {
      // The request must be answered anyway: the lease ends by itself, and an answer stored by `remember` still exists.
      logger.warn({ code: codeOf(error) }, 'the outcome of an idempotent request could not be stored');
    }
  };

  /** If the attempt has stored its answer, the key ends with it. Else the key is free for a new attempt. */
  const endFailed = (key: StoredKey, { em }: Transaction): void => {
    if (key.reply != null) key.finishedAt = clock.now();
    else if (key.finishedAt == null) em.remove(key);
  };

  const endAnswered =
    (reply: StoredReply) =>
    (key: StoredKey): void => {
      key.reply = JSON.stringify(reply);
      key.finishedAt = clock.now();
    };

  /** Ends the key of an effect that goes on after its answer, or after its error: without `reply`. */
  const endHeld = async (own: OwnKey, effect: Promise<unknown>, reply?: StoredReply): Promise<void> => {
    await Promise.allSettled([effect]);
    await end(own, (key, transaction) => {
      if (key.reply == null || reply === undefined) endFailed(key, transaction);
      else endAnswered(reply)(key);
    });
  };

  const startRenewal = ({ subject, keyHash, owner }: OwnKey): NodeJS.Timeout =>
    setInterval(() => {
      runBeyondRequest(() =>
        unitOfWork.run({ operation: 'idempotency.renew' }, ({ query }) =>
          query(renewSql, [subject, keyHash, owner, leaseMs]),
        ),
      ).catch((error: unknown) => logger.warn({ code: codeOf(error) }, 'an idempotency key could not be renewed'));
    }, leaseMs / 3).unref();

  return {
    run: async ({ subject, owner: countedAgainst, key, fingerprint }, work) => {
      const keyHash = createHash('sha256').update(key).digest('hex');
      const owner = randomUUID();
      const ownKey: OwnKey = { subject, keyHash, owner };
      const count = (outcome: 'ran' | 'replayed' | 'refused'): void =>
        metrics.count('volwatch_idempotent_requests_total', { outcome });
      const earlier = await claim({ subject, keyHash, owner, countedAgainst }, fingerprint).catch((error: unknown) => {
        count('refused');
        throw error;
      });
      if (earlier) {
        count('replayed');
        return { reply: earlier, replayed: true };
      }
      count('ran');
      const remember: IdempotencyClaim['remember'] = async (transaction, reply) => {
        const key = await findOwn(transaction, ownKey);
        if (!key) throw new AppError('idempotency_in_progress', undefined, { retryAfter });
        // The caller has its answer already, and that answer is the one to repeat.
        if (key.finishedAt != null) return;
        key.reply = JSON.stringify(reply);
      };
      const release: IdempotencyClaim['release'] = async (transaction) => {
        const stored = await findOwn(transaction, ownKey);
        if (stored) transaction.em.remove(stored);
      };
      const held: { effect?: Promise<unknown> } = {};
      const holdUntilEnd: IdempotencyClaim['holdUntilEnd'] = (effect) => void (held.effect = effect);
      const timer = startRenewal(ownKey);
      try {
        const reply = await work({ remember, release, holdUntilEnd });
        if (held.effect) void endHeld(ownKey, held.effect, reply).finally(() => clearInterval(timer));
        else {
          await end(ownKey, endAnswered(reply));
          clearInterval(timer);
        }
        return { reply, replayed: false };
      } catch (error) {
        // The effect still runs, and a free key would let the next attempt run beside it.
        if (held.effect) void endHeld(ownKey, held.effect).finally(() => clearInterval(timer));
        else {
          await end(ownKey, endFailed);
          clearInterval(timer);
        }
        throw error;
      }
    },
  };
};
