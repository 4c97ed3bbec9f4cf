import { z } from 'zod';
import {
  AppError,
  errorCodes,
  errorTable,
  isErrorCode,
  type ErrorCategory,
  type ErrorCode,
} from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { escapeHtml, htmlType, page } from './html.ts';

/** What a caller can do about each category. */
const advice: Readonly<Record<ErrorCategory, string>> = {
  validation: 'Change the request. `detail` and `errors` name what is wrong; `/openapi.json` describes what is right.',
  authentication: 'Obtain new credentials at `POST /api/v1/auth/token` and send them as `Authorization: Bearer`.',
  authorization: 'Use credentials that carry the scope which this route needs, or the CSRF token of the session.',
  not_found: 'Check the method and the path against `/openapi.json`, and that the thing asked for exists.',
  conflict: 'Look at the current state first, then decide whether to send the request again.',
  rate_limit: 'Wait for the seconds of `Retry-After`; `RateLimit` and `RateLimit-Policy` tell what is left.',
  pricing: 'Check model and inputs: `GET /api/v1/pricing/models` says what each model takes.',
  database: 'Nothing was changed. Send the same request again after the seconds of `Retry-After`.',
  external_api: 'A service that this one depends on did not do its part. Try again later.',
  overload: 'Send the same request again after the seconds of `Retry-After`, with growing pauses.',
  internal: 'A fault of the service. Report it with the `trace_id` of the answer.',
};

const codeHtml = (text: string): string => escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const problemPage = (code: ErrorCode): string => {
  const { status, category, title, retryable } = errorTable[code];
  return page(
    `${code}: ${title}`,
    `<h1>${escapeHtml(title)}</h1>
<dl>
<dt>Code</dt><dd><code>${code}</code></dd>
<dt>Status</dt><dd>${status}</dd>
<dt>Category</dt><dd>${category}</dd>
<dt>Retryable</dt><dd>${retryable ? 'yes: the same request may succeed later' : 'no: the same request fails again'}</dd>
</dl>
<h2>What to do</h2>
<p>${codeHtml(advice[category])}</p>
<p><a href="/problems">All codes</a></p>`,
  );
};

const indexPage = (): string =>
  page(
    'Problem codes',
    `<h1>Problem codes</h1>
<table>
<thead><tr><th>Code</th><th>Status</th><th>Category</th><th>Title</th></tr></thead>
<tbody>
${errorCodes
  .map((code) => {
    const { status, category, title } = errorTable[code];
    const link = `<a href="/problems/${code}"><code>${code}</code></a>`;
    return `<tr><td>${link}</td><td>${status}</td><td>${category}</td><td>${escapeHtml(title)}</td></tr>`;
  })
  .join('\n')}
</tbody>
</table>`,
  );

const cached = { 'Cache-Control': 'public, max-age=3600' };

/** `/problems` and `/problems/{code}`: the pages that the `type` of a problem document points to. */
export const problemRoutes = (): Route[] => {
  const common = {
    method: 'GET',
    atRoot: true,
    tag: 'service',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    produces: htmlType,
    responses: { 200: z.string() },
    etag: 'weak',
  } as const;
  return [
    defineRoute({
      ...common,
      path: '/problems',
      summary: 'Every problem code',
      request: {},
      errors: [],
      handler: async () => ({ status: 200, body: indexPage(), headers: cached }),
    }),
    defineRoute({
      ...common,
      path: '/problems/{code}',
      summary: 'What a problem code means and what to do',
      request: { path: z.strictObject({ code: z.string() }) },
      errors: ['resource_not_found'],
      handler: async ({ path }) => {
        if (!isErrorCode(path.code)) throw new AppError('resource_not_found', 'There is no such problem code');
        return { status: 200, body: problemPage(path.code), headers: cached };
      },
    }),
  ];
};
