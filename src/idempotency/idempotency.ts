import { createHash, randomUUID } from 'node:crypto';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Idempotency, IdempotencyClaim, StoredReply } from '#src/kernel/ports/idempotency.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { IdempotencyQuota } from './quota.ts';

export type IdempotencyDependencies = {
  readonly unitOfWork: UnitOfWork;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly quota: IdempotencyQuota;
  /** Milliseconds that a key is remembered for. */
  readonly ttlMs: number;
  /** Milliseconds after which a silent owner is taken to be dead; renewed three times as often while it lives. */
  readonly leaseMs: number;
};

type Known = { readonly fingerprint: string; readonly reply: string | null; readonly over: boolean };
type Key = {
  readonly subject: string;
  readonly keyHash: string;
  readonly owner: string;
  readonly countedAgainst: string;
};

/** Takes a key that is new, expired, or left by a dead owner before its effect; otherwise touches nothing. */
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
  select fingerprint, reply, finished_at is not null or lease_until <= now() as over
  from idempotency_key where subject = $1 and key_hash = $2`;
const own = 'subject = $1 and key_hash = $2 and owner = $3';
const renewSql = `update idempotency_key set lease_until = now() + $4 * interval '1 ms' where ${own}`;
const rememberSql = `update idempotency_key set reply = $4 where ${own} and finished_at is null returning 1`;
const finishSql = `update idempotency_key set reply = $4, finished_at = now() where ${own}`;
/** After a failure: an effect that was remembered has its answer, anything else may be tried again. */
const closeSql = `update idempotency_key set finished_at = now() where ${own} and reply is not null`;
const freeSql = `delete from idempotency_key where ${own} and finished_at is null`;

/** What a caller should wait before asking again, in seconds. */
const retryAfter = 1;

/** See the port's docstring. Keys live in PostgreSQL, beside the effects that they guard. */
export const createIdempotency = (deps: IdempotencyDependencies): Idempotency => {
  const { unitOfWork, metrics, logger, quota, ttlMs, leaseMs } = deps;

  /** @returns the stored reply of an earlier request, undefined when the key is now ours */
  const claim = async (
    { subject, keyHash, owner, countedAgainst }: Key,
    fingerprint: string,
  ): Promise<StoredReply | undefined> => {
    const found = await unitOfWork.run({ operation: 'idempotency.claim' }, async ({ query }) => {
      const taken = await query(claimSql, [subject, keyHash, fingerprint, owner, leaseMs, ttlMs, countedAgainst]);
      if (taken.length === 1) {
        await quota.assertKeys(query, countedAgainst);
        return 'taken';
      }
      return (await query<Known>(readSql, [subject, keyHash]))[0];
    });
    if (found === 'taken') return undefined;
    if (found && found.fingerprint !== fingerprint) throw new AppError('idempotency_key_reused');
    if (found?.over && found.reply !== null) return JSON.parse(found.reply) as StoredReply;
    // Still running; or gone between the two statements, when its request failed and another may try.
    throw new AppError('idempotency_in_progress', undefined, { retryAfter });
  };

  const write = async (statements: readonly string[], parameters: readonly unknown[]): Promise<void> => {
    try {
      await unitOfWork.run({ operation: 'idempotency.finish' }, async ({ query }) => {
        for (const statement of statements) await query(statement, parameters);
      });
    } catch (error) {
      // The lease runs out by itself, and what was remembered is still there: no reason to lose the answer.
      logger.warn({ code: codeOf(error) }, 'the outcome of an idempotent request could not be stored');
    }
  };

  const renewing = (mine: readonly unknown[]): NodeJS.Timeout =>
    setInterval(() => {
      unitOfWork
        .run({ operation: 'idempotency.renew' }, ({ query }) => query(renewSql, [...mine, leaseMs]))
        .catch((error: unknown) => logger.warn({ code: codeOf(error) }, 'an idempotency key could not be renewed'));
    }, leaseMs / 3).unref();

  return {
    run: async ({ subject, owner: countedAgainst, key, fingerprint }, work) => {
      const keyHash = createHash('sha256').update(key).digest('hex');
      const owner = randomUUID();
      const mine = [subject, keyHash, owner];
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
      const remember: IdempotencyClaim['remember'] = async ({ query }, reply) => {
        const kept = await query(rememberSql, [...mine, JSON.stringify(reply)]);
        if (kept.length === 0) throw new AppError('idempotency_in_progress', undefined, { retryAfter });
      };
      const timer = renewing(mine);
      try {
        const reply = await work({ remember });
        await write([finishSql], [...mine, JSON.stringify(reply)]);
        return { reply, replayed: false };
      } catch (error) {
        await write([closeSql, freeSql], mine);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
};
