import { z } from 'zod';
import { AppError, errorCodes, errorTable, type ErrorCategory, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { escapeHtml, htmlType, pageBytes } from './html.ts';

/** Advice to the caller for each category. */
const advice: Readonly<Record<ErrorCategory, string>> = {
  validation: 'Change the request. `detail` and `errors` name the faults. `/openapi.json` describes valid requests.',
  authentication: 'Obtain new credentials at `POST /api/v1/auth/token` and send them as `Authorization: Bearer`.',
  authorization:
    'Use credentials with the scope of this route. With a session cookie, send the CSRF token of the session.',
  not_found: 'Compare the method and the path with `/openapi.json`. Check that the resource exists.',
  conflict: 'Read the current state first. Then decide whether to send the request again.',
  rate_limit: 'Wait for the seconds in `Retry-After`. `RateLimit` and `RateLimit-Policy` show the remaining quota.',
  pricing: 'Check the model and its inputs. `GET /api/v1/pricing/models` lists the inputs of each model.',
  database: 'Nothing was changed. Send the same request again after the seconds in `Retry-After`.',
  external_api: 'An external service failed. Try again later.',
  overload: 'Send the same request again after the seconds in `Retry-After`. Wait longer before each further retry.',
  internal: 'This is a fault of the service. Report it with the `trace_id` of the answer.',
};

const codeHtml = (text: string): string => escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const problemPage = (code: ErrorCode): Buffer => {
  const { status, category, title, retryable } = errorTable[code];
  return pageBytes(
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

const indexPage = (): Buffer =>
  pageBytes(
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

/** The pages `/problems` and `/problems/{code}`. The `type` of a problem document is the path of such a page. */
export const problemRoutes = (): Route[] => {
  // Made once, because the routes are public and have no limit. The digest and the compression of a buffer are kept.
  const index = indexPage();
  const pages = new Map<string, Buffer>(errorCodes.map((code) => [code, problemPage(code)]));
  const common = {
    method: 'GET',
    atRoot: true,
    tag: 'Service',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    produces: htmlType,
    responses: { 200: z.instanceof(Buffer) },
    etag: 'weak',
  } as const;
  return [
    defineRoute({
      ...common,
      path: '/problems',
      summary: 'Every problem code',
      request: {},
      errors: [],
      handler: async () => ({ status: 200, body: index, headers: cached }),
    }),
    defineRoute({
      ...common,
      path: '/problems/{code}',
      summary: 'What a problem code means and what to do',
      request: { path: z.strictObject({ code: z.string() }) },
      errors: ['resource_not_found'],
      handler: async ({ path }) => {
        const body = pages.get(path.code);
        if (!body) throw new AppError('resource_not_found', 'There is no such problem code');
        return { status: 200, body, headers: cached };
      },
    }),
  ];
};
