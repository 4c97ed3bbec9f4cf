import test from 'ava';
import { createAccountsRoutes } from '#src/accounts/account-routes.ts';
import { createPresetRoutes } from '#src/accounts/presets/preset-routes.ts';
import { apiKeyRoutes } from '#src/auth/api-keys/api-key-routes.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import { createPages } from '#src/kernel/lists/pages.ts';
import { scopes, type Principal } from '#src/kernel/requests/principal.ts';
import { createMarketDataRoutes } from '#src/market-data/reads/market-data-routes.ts';
import { createPricingJobRoutes } from '#src/pricing-jobs/pricing-job-routes.ts';
import { createForecastRoutes } from '#src/pricing/forecast/forecast-routes.ts';
import { presetValues } from '#src/pricing/request/preset-values.ts';
import { createWebhookRoutes } from '#src/webhooks/webhook-routes.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { answerOf, expectedOf, mistakesOfOtherRoutes, requestOf } from '#testkit/mistakes/usual-mistakes.ts';
import { serve } from './support.ts';

/** A part of a room that no request of the table may reach, because it is refused before. */
const unreached = (): never => {
  const fail = () => {
    throw new Error('a request that must be refused went on');
  };
  return new Proxy(fail, { get: () => fail }) as never;
};

const callers: Readonly<Record<'client' | 'user', Principal>> = {
  client: { kind: 'client', subject: 'desk', scopes },
  user: { kind: 'user', subject: '01a2186a-7ef2-705c-b6de-9756db2c5a2d', scopes },
};

test('each usual mistake at another route is answered over HTTP with the message of the table', async (t) => {
  const cursors = createCursors({ secret: 'a secret of this test' });
  const basePath = '/api/v1';
  const account = {
    unitOfWork: unreached(),
    assertCallerMayStore: unreached(),
    reader: unreached(),
    audit: unreached(),
  };
  const limits = { maxAssets: 10, maxIndexes: 10 };
  const server = await serve(t, {
    routes: [
      ...createMarketDataRoutes({
        refreshes: unreached(),
        queries: unreached(),
        cachedReads: unreached(),
        nearNames: unreached(),
        cursors,
        basePath,
        universes: { changes: unreached(), queries: unreached(), status: unreached(), scheduleOf: unreached(), limits },
        uploads: { uploads: unreached(), assertCallerHolds: unreached(), abuse: unreached(), maxUploads: 1 },
      }),
      ...createWebhookRoutes({ webhooks: unreached(), cursors, basePath, allowHttp: false, privateAddresses: false }),
      ...createAccountsRoutes({ ...account, clock: systemClock, logger: silentLogger }),
      ...createPresetRoutes({
        ...account,
        cursors,
        basePath,
        values: presetValues,
        clock: systemClock,
        maxPresets: 1,
        forget: unreached(),
      }),
      ...createForecastRoutes({ forecaster: unreached() }),
      ...createPricingJobRoutes({ jobs: unreached(), basePath }),
      ...apiKeyRoutes({
        apiKeys: unreached(),
        changes: unreached(),
        pages: createPages({ cursors }),
        clock: systemClock,
        measure: unreached(),
      }),
    ],
    authenticate: async ({ headers }) => {
      const caller = headers['x-caller'];
      return caller === 'client' || caller === 'user' ? callers[caller] : undefined;
    },
  });
  for (const mistake of mistakesOfOtherRoutes) {
    const { title, path, caller } = mistake;
    const response = await server.call(`/api/v1${path}`, requestOf(mistake, caller && { 'X-Caller': caller }));
    const problem = (await response.json()) as Parameters<typeof answerOf>[1];
    t.deepEqual(answerOf(response.status, problem), expectedOf(mistake), title);
  }
});
