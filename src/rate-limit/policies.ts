import type { LabelsOf } from '#src/kernel/metrics.ts';

/** So many requests in a window that begins with the first of them. */
export type Quota = { readonly points: number; readonly windowSeconds: number };

/** Who is counted: the address, the caller, or for `account` whom a sign-in claims to be. */
export type Policies = Readonly<Record<'ip' | 'login' | 'account' | 'user' | 'client' | 'api_key', Quota>>;
export type PolicyName = keyof Policies;

type DecisionLabels = LabelsOf<'volwatch_rate_limit_decisions_total'>;

/** How each policy appears in metrics. An account is throttled by the login policy too, as a user. */
export const policyLabels: Readonly<Record<PolicyName, Pick<DecisionLabels, 'policy' | 'subject'>>> = {
  ip: { policy: 'ip', subject: 'ip' },
  login: { policy: 'login', subject: 'ip' },
  account: { policy: 'login', subject: 'user' },
  user: { policy: 'user', subject: 'user' },
  client: { policy: 'client', subject: 'client' },
  api_key: { policy: 'api_key', subject: 'api_key' },
};
