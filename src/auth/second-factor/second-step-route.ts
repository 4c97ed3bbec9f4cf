import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import { sessionTokenFrom, type SessionCookies } from '../sessions/cookies.ts';
import { loginAnswer, toSessionReply } from '../sessions/session-answer.ts';
import { noStore, toTokenAnswer } from '../tokens/token-answer.ts';
import type { SecondStep } from './second-step.ts';

export type SecondStepRouteDeps = {
  readonly secondStep: SecondStep;
  readonly cookies: SessionCookies;
  readonly measure: Measure;
};

/** `POST /auth/login/second-factor`. */
export const secondStepRoute = ({ secondStep, cookies, measure }: SecondStepRouteDeps): Route =>
  defineRoute({
    tag: 'Authentication',
    auth: 'public',
    rateLimit: 'login',
    method: 'POST',
    load: 'none',
    path: '/auth/login/second-factor',
    summary: 'Finish a sign-in with a second factor',
    description: 'Needs a code of the authenticator or a recovery code. The answer is that of the sign-in.',
    request: {
      headers: z.object({ cookie: z.string().optional() }),
      body: z
        .strictObject({
          second_factor_token: boundedText(100).min(1).describe('From the answer second_factor_required'),
          code: boundedText(40).min(6).describe('Six digits, or a recovery code'),
        })
        .meta({ id: 'SecondStep' }),
    },
    responses: { 200: loginAnswer },
    errors: ['second_factor_invalid', 'auth_service_error'],
    handler: async ({ headers, body: { second_factor_token: token, code }, context: { clientIp } }) => {
      const step = { token, code, clientIp };
      const done = await measure('second_factor', () => secondStep.finish(step, sessionTokenFrom(headers)));
      if ('session' in done) return toSessionReply(cookies, done.session, done.user);
      return { status: 200 as const, headers: noStore, body: toTokenAnswer(done.pair) };
    },
  });
