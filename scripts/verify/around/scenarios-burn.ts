import { call, clearFault, json, option, price, refresh, setFault } from '#testkit/running-service.ts';
import { quietRound, uncachedRead } from '../traffic.ts';
import { traceOf, type Scenario } from './scenario.ts';

const smallBatch = { options: [option, option] };

/** Causes that use up the budget of each service level. */
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
    inject: (_, { proxy }) => proxy.stop(),
    end: (_, { proxy }) => proxy.start(),
  },
  {
    alert: 'PricingLatencyBudgetBurn',
    fault: 'each price takes 120 ms longer',
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 120 }),
    meet: async ({ service }) => traceOf(await price(service)),
    log: ({ route, duration_ms: duration }) => route === '/api/v1/pricing/price' && Number(duration) > 50,
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'BatchLatencyBudgetBurn',
    fault: 'each batch takes 400 ms longer',
    inject: ({ service }) => setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 400 }),
    meet: async ({ service }) => traceOf(await call(`${service.url}/api/v1/pricing/batch`, json(smallBatch))),
    log: ({ route, duration_ms: duration }) => route === '/api/v1/pricing/batch' && Number(duration) > 250,
    end: ({ service }) => clearFault(service, 'pricing.engine'),
  },
  {
    alert: 'ReadLatencyBudgetBurn',
    fault: 'the network to PostgreSQL has a latency of 200 ms',
    inject: ({ database, replica }) => [database, replica].forEach((proxy) => proxy.latency(200)),
    meet: async (stack) => traceOf(await uncachedRead(stack)),
    log: ({ method, duration_ms: duration }) => method === 'GET' && Number(duration) > 100,
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
    inject: () => {},
    end: () => {},
    recover: async ({ service }, token) => {
      for (const universe of ['tech5', 'sp500']) await refresh(service, token, universe);
    },
  },
];
