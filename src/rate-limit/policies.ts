import type { LabelsOf } from '#src/kernel/catalogue/metrics.ts';

/** Max number of requests (`points`) in a window that starts with the first of them. */
export type Quota = { readonly points: number; readonly windowSeconds: number };

/**
 * The quota of each kind of subject: an address, a caller. `account_place`: attempts to sign in to an account from one
 * network. `account`: attempts to sign in to an account from all networks without an earlier sign-in. `account_new`:
 * accounts without an earlier sign-in from a network that have a count of their own there. `credentials`: refused
 * credentials of an address, counted by each process for itself. `calendar` and `calendar_ip`: syncs and consents of
 * calendars that an owner and the callers of an address begin. `recovery`: requests of signed-in callers from one address that
 * end or change credentials, above the limits of their owners.
 */
export type Policies = Readonly<
  Record<
    | 'ip'
    | 'login'
    | 'account'
    | 'account_place'
    | 'account_new'
    | 'credentials'
    | 'recovery'
    | 'calendar'
    | 'calendar_ip'
    | 'user'
    | 'client'
    | 'api_key',
    Quota
  >
>;
/** Requests per minute of single OAuth clients, by id, in place of the quota of the policy `client`. */
export type ClientLimits = ReadonlyMap<string, number>;
/**
 * The configured policies and three internal ones. `account_delay`: one attempt in a window whose length is given with
 * each attempt. `account_level`: the number of attempts that passed after a delay. `account_paid`: whether an account has
 * taken a point of `account_new` from this network.
 */
export type PolicyName = keyof Policies | 'account_delay' | 'account_level' | 'account_paid';

type DecisionLabels = LabelsOf<'volwatch_rate_limit_decisions_total'>;

/** Metric labels of each policy. The policies of accounts have the labels of the login policy with subject `user`. */
export const policyLabels: Readonly<Record<PolicyName, Pick<DecisionLabels, 'policy' | 'subject'>>> = {
  ip: { policy: 'ip', subject: 'ip' },
  login: { policy: 'login', subject: 'ip' },
  account: { policy: 'login', subject: 'user' },
  account_place: { policy: 'login', subject: 'user' },
  account_new: { policy: 'login', subject: 'ip' },
  account_delay: { policy: 'login', subject: 'user' },
  account_level: { policy: 'login', subject: 'user' },
  account_paid: { policy: 'login', subject: 'user' },
  credentials: { policy: 'credentials', subject: 'ip' },
  recovery: { policy: 'recovery', subject: 'ip' },
  calendar: { policy: 'calendar', subject: 'owner' },
  calendar_ip: { policy: 'calendar', subject: 'ip' },
  user: { policy: 'user', subject: 'user' },
  client: { policy: 'client', subject: 'client' },
  api_key: { policy: 'api_key', subject: 'api_key' },
};
