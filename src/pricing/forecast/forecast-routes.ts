import { z } from 'zod';
import { forecastMethods } from '#src/kernel/catalogue/pricing-models.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { SYMBOL } from '../request/read-extras.ts';
import type { Forecaster } from './forecaster.ts';

/** Ten years of daily closes. */
const maxHorizon = 2520;

const body = z
  .strictObject({
    symbol: z
      .string()
      .regex(SYMBOL, 'must be the symbol of an asset, as GET /assets lists it')
      .describe('Symbol of a stored asset'),
    method: z.enum(forecastMethods).default('garch11'),
    horizon_periods: z
      .int()
      .min(1)
      .max(maxHorizon)
      .optional()
      .describe(
        'Horizon in periods of the stored closes: trading days if the closes are daily, months if they are monthly',
      ),
    horizon_days: z
      .int()
      .min(1)
      .max(maxHorizon)
      .optional()
      .describe('The older name of horizon_periods, with the same meaning; send one of the two'),
    decay: z
      .number()
      .min(0.5)
      .max(0.9999)
      .optional()
      .describe(
        'Decay of ewma per period of the closes; default 0.94 for all closes, which RiskMetrics uses for daily ones (0.97 ' +
          'for monthly ones)',
      ),
  })
  .refine(({ horizon_periods: periods, horizon_days: days }) => periods !== undefined || days !== undefined, {
    path: ['horizon_periods'],
    message: 'horizon_periods is required: send an integer, such as 21 for a month of daily closes',
  })
  .refine(({ horizon_periods: periods, horizon_days: days }) => periods === undefined || days === undefined, {
    path: ['horizon_days'],
    message: 'horizon_days and horizon_periods cannot be sent together: remove one of them',
  })
  .refine(({ method, decay }) => decay === undefined || method === 'ewma', {
    path: ['decay'],
    message: 'decay is for the method ewma only: remove it, or send "method": "ewma"',
  })
  .meta({
    id: 'VolatilityForecastRequest',
    examples: [{ symbol: '^GSPC', method: 'garch11', horizon_periods: 21 }],
  });

const ljungBox = z
  .strictObject({ lags: z.int(), statistic: z.number(), p_value: z.number() })
  .meta({ id: 'LjungBoxTest' });

const answer = z
  .strictObject({
    symbol: z.string(),
    method: z.enum(forecastMethods),
    horizon_days: z.int().describe('The same number as horizon_periods'),
    horizon_periods: z.int().describe('Horizon in periods of the closes'),
    horizon_calendar_days: z.number().describe('Calendar days until the horizon, from the mean distance of the closes'),
    as_of: z.string().describe('Date of the last close (YYYY-MM-DD)'),
    observations: z.int().describe('Number of returns that the model was fitted to'),
    periods_per_year: z.number(),
    volatility: z
      .number()
      .describe('Annualised volatility as a fraction (0.2 is 20 %): the root of the mean variance up to the horizon'),
    parameters: z
      .record(z.string(), z.number())
      .describe('ewma: lambda; garch11: mean, omega, alpha, beta, per period'),
    long_run_volatility: z
      .number()
      .nullable()
      .describe('Annualised volatility to which the forecast converges; null for ewma'),
    term_structure: z
      .array(z.strictObject({ day: z.int(), forward: z.number(), average: z.number() }).meta({ id: 'VolatilityOfDay' }))
      .readonly()
      .describe('Annualised volatilities by day: `forward` is for that day only, `average` is for all days up to it'),
    diagnostics: z
      .strictObject({
        log_likelihood: z.number(),
        aic: z.number(),
        bic: z.number(),
        persistence: z.number(),
        half_life_days: z.number().nullable(),
        converged: z.boolean(),
        iterations: z.int(),
        ljung_box: ljungBox.describe('Ljung-Box test of the standardised returns'),
        ljung_box_squared: ljungBox.describe('Ljung-Box test of the squares of the standardised returns'),
      })
      .meta({ id: 'ForecastDiagnostics' }),
  })
  .meta({ id: 'VolatilityForecast' });

export type ForecastRoutesDeps = { readonly forecaster: Forecaster };

/** `POST /ml/volatility-forecast`. */
export const createForecastRoutes = ({ forecaster }: ForecastRoutesDeps): Route[] => [
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
    errors: ['resource_not_found', 'pricing_calculation_failed', 'pricing_work_too_large'],
    handler: async ({ body: { symbol, method, decay, horizon_periods: periods, horizon_days: days }, context }) => {
      // The schema allows one of the two only.
      const horizon = periods ?? days!;
      const forecast = await forecaster.forecast({ symbol, method, horizon, decay }, context.signal);
      return { status: 200, body: { symbol, horizon_days: horizon, horizon_periods: horizon, ...forecast } };
    },
  }),
];
