import { trace } from '@opentelemetry/api';
import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { SYMBOL } from '../request/read-extras.ts';
import { haveVariance, logReturns, type Closes } from './closes.ts';
import { createVolatilityForecaster, forecastMethods, minReturns } from './volatility-forecast.ts';

const maxHorizonDays = 2520;

const body = z
  .strictObject({
    symbol: z.string().regex(SYMBOL).describe('Symbol of a stored asset'),
    method: z.enum(forecastMethods).default('garch11'),
    horizon_days: z
      .int()
      .min(1)
      .max(maxHorizonDays)
      .describe('Horizon in periods of the stored closes: trading days if the closes are daily'),
  })
  .meta({ examples: [{ symbol: '^GSPC', method: 'garch11', horizon_days: 21 }] });

const ljungBox = z.strictObject({ lags: z.int(), statistic: z.number(), p_value: z.number() });

const answer = z.strictObject({
  symbol: z.string(),
  method: z.enum(forecastMethods),
  horizon_days: z.int(),
  as_of: z.string().describe('Date of the last close'),
  observations: z.int().describe('Number of returns in the fit'),
  periods_per_year: z.number(),
  volatility: z.number().describe('Annualised volatility, from the mean variance until the horizon'),
  parameters: z.record(z.string(), z.number()).describe('ewma: lambda; garch11: mean, omega, alpha, beta, per period'),
  long_run_volatility: z.number().nullable().describe('Annualised; null for ewma'),
  term_structure: z
    .array(z.strictObject({ day: z.int(), forward: z.number(), average: z.number() }))
    .readonly()
    .describe('Annualised volatility: `forward` of the single day, `average` from now until the day'),
  diagnostics: z.strictObject({
    log_likelihood: z.number(),
    aic: z.number(),
    bic: z.number(),
    persistence: z.number(),
    half_life_days: z.number().nullable(),
    converged: z.boolean(),
    iterations: z.int(),
    ljung_box: ljungBox.describe('Ljung-Box test of the standardised returns'),
    ljung_box_squared: ljungBox.describe('Ljung-Box test of the squares of the standardised returns'),
  }),
});

const tracer = trace.getTracer('volwatch.pricing');

export type ForecastRoutesDeps = { readonly closes: Closes };

/** `POST /ml/volatility-forecast`. */
export const createForecastRoutes = ({ closes }: ForecastRoutesDeps): Route[] => {
  const forecastVolatility = createVolatilityForecaster();
  return [
    defineRoute({
      method: 'POST',
      load: 'pricing',
      path: '/ml/volatility-forecast',
      tag: 'Volatility',
      summary: 'Forecast the volatility of a stored asset',
      auth: { scope: 'ml:read' },
      rateLimit: 'caller',
      request: { body },
      responses: { 200: answer },
      errors: ['resource_not_found', 'pricing_calculation_failed'],
      handler: async ({ body: { symbol, method, horizon_days } }) => {
        const stored = await closes(symbol);
        if (stored === undefined) throw new AppError('resource_not_found', 'There is no such asset');
        if (stored.length <= minReturns) {
          throw new AppError('pricing_calculation_failed', `A fit needs at least ${minReturns + 1} stored closes`);
        }
        if (!haveVariance(logReturns(stored))) {
          throw new AppError(
            'pricing_calculation_failed',
            `The returns of the stored closes of ${symbol} do not vary, so there is no volatility to forecast`,
          );
        }
        const forecast = tracer.startActiveSpan('pricing.forecast', (span) => {
          span.setAttributes({ 'pricing.forecast.method': method, 'pricing.forecast.observations': stored.length - 1 });
          try {
            const result = forecastVolatility(stored, method, horizon_days);
            const pointer = nonFiniteIn(result);
            if (pointer === undefined) return result;
            throw new AppError(
              'pricing_calculation_failed',
              `The closes of ${symbol} give no finite value of ${pointer}`,
            );
          } finally {
            span.end();
          }
        });
        return { status: 200, body: { symbol, horizon_days, ...forecast } };
      },
    }),
  ];
};
