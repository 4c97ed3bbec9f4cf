import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { removalStatementMs, removeEach, removePart, repeatUntilNone, type Part } from '#src/kernel/lists/removal.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { oldPlaces } from './sign-in/sign-in-places.ts';
import { oldRegistrationCounts } from './users/registration-quota.ts';
import type { UsageLog } from './api-keys/usage-log.ts';
import { keptAfterExpiry } from './tokens/revocation-reads.ts';

// SQL: retention deletes sets.

export type MaintenanceDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  /**
   * The time of the database. Other instances have written the times that it is compared with, and one instance whose clock is wrong must not
   * remove what is in use on all of them.
   */
  readonly databaseTime: () => Promise<Date>;
  readonly logger: Logger;
  readonly usageLogs: readonly UsageLog[];
  readonly flushMs: number;
  readonly cleanUpMs: number;
  /** A session without use for this time has ended. */
  readonly sessionIdleSeconds: number;
};

export type Maintenance = {
  /**
   * Deletes expired rows of each table in parts, each with a transaction of its own, so that a large table does not keep the others from it. Records the
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
const isEndedFamily = `(revoked_at <= $1 or (expires_at < $1 and not exists (
  select 1 from refresh_token where family_id = refresh_family.id and access_expires_at > $1::timestamptz - ${keptAfterExpiry})))`;

type Ended = Part & { readonly parameters?: (now: Date, idle: Date) => readonly Date[] };

const endedRows: readonly Ended[] = [
  { table: 'revoked_token', where: `expires_at < $1::timestamptz - ${keptAfterExpiry}` },
  // Before its family, which can have thousands of them: the foreign key would remove those of a whole part with one statement.
  { table: 'refresh_token', where: `family_id in (select id from refresh_family where ${isEndedFamily})` },
  { table: 'refresh_family', where: isEndedFamily },
  { table: 'user_session', where: 'expires_at < $1 or seen_at < $2', parameters: (now, idle) => [now, idle] },
  { table: 'sign_in_challenge', where: 'expires_at < $1' },
  { table: 'account_token', where: 'expires_at < $1' },
  { table: 'email_change', where: 'expires_at < $1' },
  {
    table: 'api_key',
    where: `revoked_at < $1::timestamptz - interval '${endedKeyDays} days' or expires_at < $1::timestamptz - interval '${endedKeyDays} days'`,
  },
  oldRegistrationCounts,
  oldPlaces,
];

export const createMaintenance = (deps: MaintenanceDeps): Maintenance => {
  const { unitOfWork, audit, databaseTime, logger, usageLogs, flushMs, cleanUpMs, sessionIdleSeconds } = deps;
  const timers: NodeJS.Timeout[] = [];

  const run = (work: (transaction: Transaction) => Promise<number>): Promise<number> =>
    unitOfWork.run({ operation: 'auth.maintenance', statementTimeoutMs: removalStatementMs }, work);

  const cleanUp = async (): Promise<number> => {
    const now = await databaseTime();
    const idle = new Date(now.getTime() - sessionIdleSeconds * 1000);
    return removeEach([
      ...endedRows.map(
        ({ parameters = () => [now], ...part }) =>
          () =>
            repeatUntilNone(() => run(({ query }) => removePart(query, part, parameters(now, idle)))),
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
