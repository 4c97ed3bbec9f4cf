import type { IncomingHttpHeaders } from 'node:http';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Measure } from '../measured.ts';
import { sessionTokenFrom } from './cookies.ts';
import type { Sessions } from './session.ts';

export type CsrfDeps = {
  readonly sessions: Sessions;
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly measure: Measure;
  /** Origins whose pages may use the session: the public origin of the service, and the origins of CORS. */
  readonly origins: () => readonly string[];
};

/** Called before each handler that changes or stores something. @throws AppError `csrf_token_invalid` */
export type CheckCsrf = (
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  principal: Principal | undefined,
) => Promise<void>;

const foreignOrigin = (): AppError =>
  new AppError('csrf_token_invalid', 'The request comes from a page of another origin');
const wrongToken = (): AppError => new AppError('csrf_token_invalid', 'X-CSRF-Token is missing or not of this session');

/** A page of another site can open a page of the service, but not many times without being seen. */
const opensPage = (headers: IncomingHttpHeaders): boolean =>
  headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';

/**
 * Two independent checks of requests with a session cookie. The first checks the origin by `Sec-Fetch-Site`, which current
 * browsers send and pages cannot set, else by `Origin`. It applies to public routes too, unless another credential was
 * used. The second demands the CSRF token of the session, when the cookie authenticated the caller, except for GET.
 */
export const createCsrfCheck = ({ sessions, unitOfWork, audit, measure, origins }: CsrfDeps): CheckCsrf => {
  const isForeign = (headers: IncomingHttpHeaders): boolean => {
    const { origin, host } = headers;
    const site = headers['sec-fetch-site'];
    if (site === 'same-origin' || site === 'none') return false;
    if (origin === undefined) return site !== undefined;
    if (origins().includes(origin)) return false;
    // Without Sec-Fetch-Site, host and port must be equal. The scheme may differ, because a proxy may end TLS.
    return (
      site !== undefined || host === undefined || !['http', 'https'].some((each) => origin === `${each}://${host}`)
    );
  };

  const check = (
    session: string,
    { method, headers }: Parameters<CheckCsrf>[0],
    principal: Principal | undefined,
  ): void => {
    const isGet = method === 'GET';
    if (isForeign(headers) && !(isGet && opensPage(headers))) throw foreignOrigin();
    if (principal === undefined || isGet) return;
    const csrfToken = headers['x-csrf-token'];
    if (typeof csrfToken !== 'string' || !sessions.matchesCsrfToken(session, csrfToken)) throw wrongToken();
  };

  return async (request, principal) => {
    const session = sessionTokenFrom(request.headers);
    if (session === undefined) return;
    // Another credential was used, which a page of another origin cannot send.
    if (principal !== undefined && principal.sessionId === undefined) return;
    try {
      await measure('check_csrf', async () => check(session, request, principal));
    } catch (error) {
      if (principal) {
        audit.refuse(unitOfWork, {
          stream: `user:${principal.subject}`,
          action: 'csrf.refused',
          target: principal.subject,
          reason: 'csrf_token_invalid',
        });
      }
      throw error;
    }
  };
};
