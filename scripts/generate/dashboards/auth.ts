import { budgetOf, findSlo } from '../slo/slo.ts';
import { highest, of, quantiles, share, sumRate, type DashboardSpec } from './spec.ts';

const decisions = 'volwatch_rate_limit_decisions_total';
const verification = 'volwatch_auth_duration_seconds';

export const auth: DashboardSpec = {
  uid: 'volwatch-auth',
  file: 'auth-and-limits',
  title: 'Volwatch / Auth and limits',
  description: 'Who is refused, why, and whether the limiter still counts across instances.',
  rows: [
    {
      title: 'Authentication',
      panels: [
        {
          id: 1,
          kind: 'timeseries',
          title: 'Refused authentications by reason',
          description:
            'Refused authentications per second by reason. One reason rising is a client; signature or unknown key rising everywhere is a key rotation gone wrong.',
          unit: 'events/s',
          queries: [{ expr: `${sumRate(of('volwatch_auth_failures_total'), 'reason')} > 0`, legend: '{{reason}}' }],
          stacked: true,
        },
        {
          id: 2,
          kind: 'timeseries',
          title: 'Failed token verifications',
          description: 'Share of token verifications that ended in a server error. The line is the auth budget.',
          unit: 'share',
          queries: [
            {
              expr: share(
                of(`${verification}_count`, 'operation="verify_token",outcome="error"'),
                of(`${verification}_count`, 'operation="verify_token"'),
              ),
              legend: 'failed',
            },
          ],
          thresholds: [{ value: budgetOf(findSlo('auth')), color: 'red' }],
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Token verification duration',
          description: 'p50, p95, p99 of token verification; points open the trace. Most of it is the signature.',
          unit: 'seconds',
          queries: quantiles(of(`${verification}_bucket`, 'operation="verify_token"')),
          exemplars: true,
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'Accepted tokens by format',
          description: 'Accepted tokens per second by format: legacy can be retired once it stays at zero.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of('volwatch_auth_tokens_total'), 'format'), legend: '{{format}}' }],
          stacked: true,
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Auth operations by outcome',
          description:
            'The eight most frequent operations per second: sign-ins, tokens, API keys, checks of scopes and CSRF tokens, hashes.',
          unit: 'events/s',
          queries: [
            {
              expr: highest(`${sumRate(of(`${verification}_count`), 'operation, outcome')} > 0`, 'operation, outcome'),
              legend: '{{operation}} {{outcome}}',
            },
          ],
        },
        {
          id: 7,
          kind: 'bars',
          title: 'Actions of operators',
          description: 'Commands on clients, credentials and fault points, as the audit trail has them.',
          unit: 'count',
          queries: [
            {
              expr: `max by (action) (increase(${of('volwatch_operator_actions_total')}[$__interval])) > 0`,
              legend: '{{action}}',
            },
          ],
        },
        {
          id: 5,
          kind: 'timeseries',
          title: 'Tokens of the earlier system by shape',
          description:
            'Accepted legacy tokens per second, by what `sub` has and the type of `id`, and by what they lack.',
          unit: 'events/s',
          queries: [
            { expr: sumRate(of('volwatch_auth_legacy_tokens_total'), 'shape'), legend: '{{shape}}' },
            { expr: sumRate(of('volwatch_auth_legacy_omissions_total'), 'lacks'), legend: 'without {{lacks}}' },
          ],
        },
        {
          id: 33,
          kind: 'timeseries',
          title: 'Codes of second factors',
          description:
            'Codes per second by method and outcome. Many refused codes with few accepted ones: somebody guesses with a known password.',
          unit: 'events/s',
          queries: [
            {
              expr: sumRate(of('volwatch_auth_second_factor_total'), 'method,outcome'),
              legend: '{{method}} {{outcome}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Audit trail',
      panels: [
        {
          id: 20,
          kind: 'bars',
          title: 'Audit events by action',
          description:
            'The eight most frequent events by action and outcome: sign-ins, changes of keys and clients, refreshes, injected faults.',
          unit: 'count',
          queries: [
            {
              expr: highest(
                `sum by (action, outcome) (increase(${of('volwatch_audit_events_total')}[$__interval])) > 0`,
                'action, outcome',
              ),
              legend: '{{action}} {{outcome}}',
            },
          ],
          stacked: true,
        },
      ],
    },
    {
      title: 'Limits',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Limited share by policy',
          description: 'Share of decisions that limited, by policy.',
          unit: 'share',
          queries: [{ expr: share(of(decisions, 'outcome="limited"'), of(decisions), 'policy'), legend: '{{policy}}' }],
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Limit decisions by backend',
          description:
            'Decisions per second by backend. In memory each instance counts for itself: the limit is multiplied by the number of instances.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of(decisions), 'backend'), legend: '{{backend}}' }],
          stacked: true,
          alerts: ['LimiterFellBackToMemory'],
        },
        {
          id: 12,
          kind: 'table',
          title: 'Most limited subjects',
          valueName: 'refusals',
          description: 'The ten most limited subjects by hash: compare with client_ip_hash or principal in the log.',
          unit: 'count',
          queries: [{ expr: of('volwatch_rate_limit_top_limited'), legend: '{{rank}} {{subject_hash}}' }],
        },
      ],
    },
    {
      title: 'Abuse',
      panels: [
        {
          id: 30,
          kind: 'timeseries',
          title: 'Abuse refused by kind',
          description:
            'Refusals per second of the eight most frequent kinds. The line is where the alert starts to count 15 minutes. The log has one line a minute for each kind, with the hashed addresses that cause the most.',
          unit: 'events/s',
          queries: [{ expr: highest(sumRate(of('volwatch_abuse_refused_total'), 'kind'), 'kind'), legend: '{{kind}}' }],
          thresholds: [{ value: 0.1, color: 'yellow' }],
          thresholdSource: 'alerts/rules/causes.yml',
          alerts: ['AbusePersists'],
        },
        {
          id: 31,
          kind: 'bars',
          title: 'Abuse refused by instance',
          description:
            'Refusals by instance. One instance alone: a client that does not pass the balancer, or a balancer that keeps a client to one instance.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (instance) (increase(${of('volwatch_abuse_refused_total')}[$__interval]))`,
              legend: '{{instance}}',
            },
          ],
          stacked: true,
        },
        {
          id: 32,
          kind: 'bars',
          title: 'Refusals and ends without an own audit event',
          description:
            'Refusals whose stream had enough audit events in that hour; the trail counts them in one summary event. Ends of tokens whose owner had enough in that day.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (instance) (increase(${of('volwatch_audit_refusals_omitted_total')}[$__interval]))`,
              legend: 'refusals {{instance}}',
            },
            {
              expr: `sum by (instance) (increase(${of('volwatch_audit_endings_omitted_total')}[$__interval]))`,
              legend: 'ends {{instance}}',
            },
          ],
        },
      ],
    },
  ],
};
