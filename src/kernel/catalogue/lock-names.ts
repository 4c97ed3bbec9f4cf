import type { Owner } from '../ports/owners.ts';

const ofOwner =
  (what: string) =>
  ({ kind, id }: Owner): string =>
    `${what} of ${kind}:${id}`;

/**
 * Names of what transactions lock first (`alone` of the unit of work, and `takeOwnerTurn` where instances wait for each other too). Those that lock the same
 * thing must use the same name.
 */
export const lockNames = {
  account: (id: string): string => `account ${id}`,
  address: (email: string): string => `address ${email}`,
  apiKeys: ofOwner('api keys'),
  calendar: ofOwner('calendar'),
  pricingJob: (id: string): string => `pricing job ${id}`,
  /** @param owner kind and id */
  pricingJobs: (owner: string): string => `pricing jobs of ${owner}`,
  refreshFamily: (id: string): string => `refresh family ${id}`,
  webhooks: ofOwner('webhooks'),
};
