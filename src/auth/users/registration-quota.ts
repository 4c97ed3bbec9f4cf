import { utcDay } from '#src/kernel/calendar.ts';
import { createHmac } from 'node:crypto';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { siteOfRequest } from '#src/kernel/requests/callers/site-of-request.ts';
import { createEraseUser, type EraseUserDeps } from '../owners/erase-user.ts';
import { isUnclaimedSql } from './users.ts';
import { createUnusedUserReads, type UnusedUserReadsDeps } from './unused-user-reads.ts';

export type RegistrationQuotaDeps = UnusedUserReadsDeps &
  EraseUserDeps & {
    readonly unitOfWork: UnitOfWork;
    readonly clock: Clock;
    readonly abuse: AbuseReport;
    readonly maxUsersWithoutSignIn: number;
    /** Max registrations of one network in a day (UTC), also those of addresses that have an account. */
    readonly maxRegistrationsPerNetwork: number;
    /** Key of the hashes of networks. It must be the same on all instances. */
    readonly networkKey: Uint8Array;
    readonly bucketOfRequest: BucketOfRequest;
  };

/**
 * Checks the quotas for one more account: of accounts without a sign-in, where networks have equal shares, and of registrations of one network in a day. It
 * runs before the address is looked up, so the refusal reveals nothing about the address.
 * @throws AppError `quota_exceeded`
 */
export type AssertMayRegister = () => Promise<void>;

/**
 * Networks are counted in this number of buckets, so that an attacker with very many networks adds only so many rows in a
 * day. Networks of one bucket share its count. The key is secret, so nobody can choose the network of another bucket.
 */
const buckets = 2 ** 18;

/** The bucket of registrations whose network is not known, and of those from before networks were kept. */
export const unknownBucket = 0;

/** The bucket of the network of a request. Undefined outside of a request. */
export type BucketOfRequest = () => number | undefined;

export const createBucketOfRequest =
  ({ networkKey }: Pick<RegistrationQuotaDeps, 'networkKey'>): BucketOfRequest =>
  () => {
    const site = siteOfRequest();
    if (site === undefined) return undefined;
    const hash = createHmac('sha256', networkKey).update(`registration ${site}`).digest();
    return hash.readUInt32BE() % buckets;
  };

const createNetworkQuota = (deps: RegistrationQuotaDeps): AssertMayRegister => {
  const { unitOfWork, clock, abuse, maxRegistrationsPerNetwork: max, bucketOfRequest } = deps;

  return async () => {
    const bucket = bucketOfRequest();
    if (bucket === undefined) return;
    const day = utcDay(clock.now());
    // SQL, because one statement compares and adds, so that simultaneous requests do not pass the max.
    const counted = await unitOfWork.run({ operation: 'auth.register' }, ({ query }) =>
      query(
        `insert into registration_count as counted (day, bucket, registrations) values ($1, $2, 1)
         on conflict (day, bucket) do update set registrations = counted.registrations + 1
           where counted.registrations < $3
         returning 1`,
        [day, bucket, max],
      ),
    );
    if (counted.length > 0) return;
    assertWithinQuota(abuse, {
      quota: 'registrations_of_network',
      wanted: max + 1,
      max,
      unit: 'users',
      remedy: 'Too many accounts were registered from this network today; try again tomorrow (UTC).',
    });
  };
};

/** Selects and locks the oldest account of the network that has most. */
const displacedSql = `
  with unclaimed as (
    select registration_bucket as bucket, count(*) as accounts from user_account as account
    where ${isUnclaimedSql} group by 1
  ), largest as (
    select bucket from unclaimed
    where accounts > 1 + coalesce((select accounts from unclaimed where bucket = $1), 0)
    order by accounts desc, bucket limit 1
  )
  select id from user_account as account where ${isUnclaimedSql} and registration_bucket = (select bucket from largest)
  order by created_at, id limit 1 for update of account skip locked`;

/** The counts of days that are over. Instances whose clocks differ may still count in the day before. */
export const oldRegistrationCounts = {
  table: 'registration_count',
  where: `day < ($1::timestamptz at time zone 'UTC')::date - 1`,
};

export const createRegistrationQuota = (deps: RegistrationQuotaDeps): AssertMayRegister => {
  const { abuse, maxUsersWithoutSignIn: max } = deps;
  const countUpTo = createUnusedUserReads(deps);
  const assertNetwork = createNetworkQuota(deps);
  const { eraseUnused } = createEraseUser(deps);

  /**
   * Makes room for an account of a network that has few without a sign-in: the oldest one of the network that has most is removed.
   * @returns whether there is room now
   */
  const displace = (): Promise<boolean> =>
    deps.unitOfWork.run({ operation: 'auth.register' }, async (transaction) => {
      const bucket = deps.bucketOfRequest() ?? unknownBucket;
      const [displaced] = await transaction.query<{ id: string }>(displacedSql, [bucket]);
      if (displaced) await eraseUnused(transaction, displaced.id);
      return displaced !== undefined;
    });

  return async () => {
    // First, because it is one row, and the other quota counts thousands.
    await assertNetwork();
    const unclaimed = await countUpTo(max);
    const isFull = unclaimed >= max && !(await displace());
    assertWithinQuota(abuse, {
      quota: 'users_without_sign_in',
      wanted: unclaimed + Number(isFull),
      max: isFull ? max : unclaimed,
      unit: 'users',
      remedy: 'Too many accounts wait for their first sign-in; try again later.',
    });
  };
};
