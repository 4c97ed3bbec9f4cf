import { limitOf } from '../../generate/slo/slo.ts';
import { call, clearFault, json, option, price, refresh, setFault } from '#testkit/running-service.ts';
import { quietRound, uncachedRead } from '../traffic.ts';
import { traceOf, type Scenario } from './scenario.ts';

const smallBatch = { options: [option, option] };

/** One fault for each service level that uses up its error budget. */
export const scenariosBurn: readonly Scenario[] = [
  {
    alert: 'AvailabilityBudgetBurn',
    fault: 'the pricing engine throws internal_error',
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'error', error_code: 'internal_error' }),
    meet: async ({ service }) => traceOf(await price(service)),
    log: ({ code }) => code === 'internal_error',
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'ReachabilityBudgetBurn',
    fault: 'the proxy is stopped',
    // `proxy` is the reverse proxy in front of the service.
    inject: (_, { proxy }) => proxy.stop(),
    end: (_, { proxy }) => proxy.start(),
  },
  {
    alert: 'PricingLatencyBudgetBurn',
    fault: 'each price takes 120 ms longer',
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 120 }),
    meet: async ({ service }) => traceOf(await price(service)),
    log: ({ route, duration_ms: duration }) =>
      route === '/api/v1/pricing/price' && Number(duration) > limitOf('pricing_latency'),
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'BatchLatencyBudgetBurn',
    fault: 'each option takes 400 ms longer',
    // The delay applies to each option, one after the other: the batch of two takes 800 ms longer.
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 400 }),
    meet: async ({ service }) => traceOf(await call(`${service.url}/api/v1/pricing/batch`, json(smallBatch))),
    log: ({ route, duration_ms: duration }) =>
      route === '/api/v1/pricing/batch' && Number(duration) > limitOf('batch_latency'),
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'ReadLatencyBudgetBurn',
    fault: 'the network to PostgreSQL has a latency of 200 ms',
    // These proxies are between the service and PostgreSQL.
    inject: ({ database, replica }) => [database, replica].forEach((proxy) => proxy.latency(200)),
    meet: async (stack) => traceOf(await uncachedRead(stack)),
    log: ({ method, duration_ms: duration }) => method === 'GET' && Number(duration) > limitOf('read_latency'),
    end: ({ database, replica }) => [database, replica].forEach((proxy) => proxy.latency(0)),
    recover: quietRound,
  },
  {
    alert: 'AuthBudgetBurn',
    fault: 'the verification of tokens fails',
    inject: ({ service }) => setFault(service, 'auth.verify', { mode: 'error' }),
    meet: async ({ service }, token) =>
      traceOf(await call(`${service.url}/api/v1/auth/me`, { headers: { Authorization: `Bearer ${token}` } })),
    log: ({ code }) => code === 'auth_service_error',
    end: ({ service }) => clearFault(service, 'auth.verify'),
  },
  {
    alert: 'RefreshBudgetBurn',
    fault: 'the commit of refreshes fails',
    inject: ({ service }) => setFault(service, 'refresh.commit', { mode: 'error' }),
    meet: async ({ service }, token) => traceOf(await refresh(service, token, 'tech5')),
    end: ({ service }) => clearFault(service, 'refresh.commit'),
  },
  {
    alert: 'FreshnessBudgetBurn',
    fault: 'no refresh for 20 s, which stand for 48 h',
    isSilent: true,
    // short-windows.ts rewrites the rule of this level, so that data are too old after 20 s. Without it, the limit is 48 h.
    inject: () => {},
    end: () => {},
    recover: async ({ service }, token) => {
      for (const universe of ['tech5', 'sp500']) await refresh(service, token, universe);
    },
  },
];
