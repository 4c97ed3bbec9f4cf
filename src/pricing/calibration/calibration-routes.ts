import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { jsonType } from '../batch/prepared-batch.ts';
import { calibrationAnswer, calibrationBody } from './calibration-schemas.ts';
import type { Calibrator } from './calibrator.ts';

export type CalibrationRoutesDeps = { readonly calibrator: Calibrator };

/** `POST /pricing/calibrate`. */
export const createCalibrationRoutes = ({ calibrator }: CalibrationRoutesDeps): Route[] => [
  defineRoute({
    tag: 'Pricing',
    auth: 'optional',
    rateLimit: 'caller',
    method: 'POST',
    load: 'batch',
    path: '/pricing/calibrate',
    summary: 'Fit the parameters of Heston to quotes',
    description:
      'Least squares over the errors of up to 1,000 quotes, by Levenberg and Marquardt with the analytic gradient. A fit ' +
      'that is not good is begun again from other points. `converged` is false if a parameter is at a bound or the quotes ' +
      'do not determine the parameters; `stop_reason` says why the fit ended.',
    // 1,000 quotes have about 200 KB. The pricing process reads them in one turn.
    bodyLimit: 'document',
    rawBody: true,
    consumes: [jsonType],
    request: { body: calibrationBody },
    responses: { 200: calibrationAnswer },
    errors: ['pricing_calculation_failed', 'pricing_work_too_large'],
    handler: async ({ body, context }) => ({
      status: 200,
      body: await calibrator.calibrate(body as ByteBlocks, context.signal),
    }),
  }),
];
