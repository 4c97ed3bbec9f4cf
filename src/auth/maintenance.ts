import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { removalStatementMs, removeEach, repeatUntilNone } from '#src/kernel/lists/removal.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { removeOldPlacesSql } from './sign-in/sign-in-places.ts';
import { removeOldRegistrationCountsSql } from './users/registration-quota.ts';
import type { UsageLog } from './api-keys/usage-log.ts';
import { keptAfterExpiry } from './tokens/revocation-reads.ts';

// SQL: retention deletes sets.

export type MaintenanceDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly usageLogs: readonly UsageLog[];
  readonly flushMs: number;
  readonly cleanUpMs: number;
  /** A session without use for this time has ended. */
  readonly sessionIdleSeconds: number;
};

export type Maintenance = {
  /**
   * Deletes expired rows, with one statement and one transaction per table, so that a large table does not keep the others from it. Records the
   * numbers of refusals without an event.
   * @returns the number of deleted rows and of these events
   * @throws the error of the first table that failed, after all were tried
   */
  readonly cleanUp: () => Promise<number>;
  readonly start: () => void;
  /** Stops the timers, and flushes the usage logs and the numbers of refusals. */
  readonly close: () => Promise<void>;
};

/**
 * An ended key stays for so many days, because pricing jobs name the key that stored them for up to 8,760 hours, and an account exports them
 * by its keys.
 */
const endedKeyDays = 400;

/**
 * A revoked family can be deleted, because its access tokens are in `revoked_token`, and its refresh tokens are refused as unknown tokens.
 * An expired one stays until its last access token has expired, because an end of sign-ins finds this token by the family.
 */
const statements: readonly { readonly sql: string; readonly parameters: (now: Date, idle: Date) => readonly Date[] }[] =
  [
    {
      sql: `delete from revoked_token where expires_at < $1::timestamptz - ${keptAfterExpiry} returning 1`,
      parameters: (now) => [now],
    },
    {
      sql: `delete from refresh_family as family where revoked_at <= $1 or (expires_at < $1 and not exists (
        select 1 from refresh_token where family_id = family.id and access_expires_at > $1::timestamptz - ${keptAfterExpiry}))
        returning 1`,
      parameters: (now) => [now],
    },
    {
      sql: 'delete from user_session where expires_at < $1 or seen_at < $2 returning 1',
      parameters: (now, idle) => [now, idle],
    },
    { sql: 'delete from sign_in_challenge where expires_at < $1 returning 1', parameters: (now) => [now] },
    { sql: 'delete from account_token where expires_at < $1 returning 1', parameters: (now) => [now] },
    { sql: 'delete from email_change where expires_at < $1 returning 1', parameters: (now) => [now] },
    {
      sql: `delete from api_key where revoked_at < $1::timestamptz - interval '${endedKeyDays} days'
        or expires_at < $1::timestamptz - interval '${endedKeyDays} days' returning 1`,
      parameters: (now) => [now],
    },
    { sql: removeOldRegistrationCountsSql, parameters: (now) => [now] },
    { sql: removeOldPlacesSql, parameters: (now) => [now] },
  ];

export const createMaintenance = (deps: MaintenanceDeps): Maintenance => {
  const { unitOfWork, audit, clock, logger, usageLogs, flushMs, cleanUpMs, sessionIdleSeconds } = deps;
  const timers: NodeJS.Timeout[] = [];

  const run = (work: (transaction: Transaction) => Promise<number>): Promise<number> =>
    unitOfWork.run({ operation: 'auth.maintenance', statementTimeoutMs: removalStatementMs }, work);

  const cleanUp = async (): Promise<number> => {
    const now = clock.now();
    const idle = new Date(now.getTime() - sessionIdleSeconds * 1000);
    return removeEach([
      ...statements.map(
        ({ sql, parameters }) =>
          () =>
            run(async ({ query }) => (await query(sql, parameters(now, idle))).length),
      ),
      // Here, because an hour has a max of these events: the retention runs once a day.
      async () => {
        await audit.flushRefusals(unitOfWork);
        return repeatUntilNone(() => run(audit.countRefusals));
      },
    ]);
  };

  const runCleanUp = async (): Promise<void> => {
    try {
      await context.with(suppressTracing(context.active()), cleanUp);
    } catch (error) {
      logger.warn({ code: codeOf(error) }, 'ended tokens and sessions cannot be deleted yet');
    }
  };
  const flush = async (): Promise<void> => {
    for (const log of usageLogs) await log.flush();
    try {
      await context.with(suppressTracing(context.active()), () => audit.flushRefusals(unitOfWork));
    } catch (error) {
      logger.warn({ code: codeOf(error) }, 'numbers of refusals cannot be written yet');
    }
  };

  return {
    cleanUp,
    start: () => {
      timers.push(
        setInterval(() => void flush(), flushMs).unref(),
        setInterval(() => void runCleanUp(), cleanUpMs).unref(),
      );
    },
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      await flush();
    },
  };
};
