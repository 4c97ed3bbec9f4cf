import type { LabelsOf } from '#src/kernel/catalogue/metrics.ts';

/** So many requests in a window that begins with the first of them. */
export type Quota = { readonly points: number; readonly windowSeconds: number };

/**
 * Who is counted: the address, the caller, for `account_place` an account that somebody tries to sign in to from one
 * network, for `account` the same from all networks that are new to the account.
 */
export type Policies = Readonly<
  Record<'ip' | 'login' | 'account' | 'account_place' | 'user' | 'client' | 'api_key', Quota>
>;
/**
 * Beside those that are configured. `account_delay`: one attempt, then a wait whose length is given with each attempt;
 * `account_level`: how many attempts have passed such a wait.
 */
export type PolicyName = keyof Policies | 'account_delay' | 'account_level';

type DecisionLabels = LabelsOf<'volwatch_rate_limit_decisions_total'>;

/** How each policy appears in metrics. Accounts are throttled by the login policy too, as users. */
export const policyLabels: Readonly<Record<PolicyName, Pick<DecisionLabels, 'policy' | 'subject'>>> = {
  ip: { policy: 'ip', subject: 'ip' },
  login: { policy: 'login', subject: 'ip' },
  account: { policy: 'login', subject: 'user' },
  account_place: { policy: 'login', subject: 'user' },
  account_delay: { policy: 'login', subject: 'user' },
  account_level: { policy: 'login', subject: 'user' },
  user: { policy: 'user', subject: 'user' },
  client: { policy: 'client', subject: 'client' },
  api_key: { policy: 'api_key', subject: 'api_key' },
};
