import type { IncomingHttpHeaders } from 'node:http';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { sessionTokenFrom } from './cookies.ts';
import type { Sessions } from './sessions.ts';

export type CsrfDeps = {
  readonly sessions: Sessions;
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  /** Origins whose pages may act for the user: the service's own public one and those of CORS. */
  readonly origins: readonly string[];
};

/** Called before every state-changing handler. @throws AppError `csrf_token_invalid` */
export type CheckCsrf = (
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  principal: Principal | undefined,
) => Promise<void>;

const foreign = (): AppError => new AppError('csrf_token_invalid', 'The request comes from a page of another origin');
const wrongToken = (): AppError => new AppError('csrf_token_invalid', 'X-CSRF-Token is missing or not of this session');

/**
 * Two independent guards. Where the request comes from: `Sec-Fetch-Site`, which every current browser sends and no page
 * can forge, else `Origin`; looked at whenever the session cookie came along and was not overruled by another
 * credential, so on public routes too. And the token bound to the session, demanded of whoever a cookie authenticated.
 */
export const createCsrfCheck = ({ sessions, unitOfWork, audit, origins }: CsrfDeps): CheckCsrf => {
  const allowed = new Set(origins);

  const isForeign = (headers: IncomingHttpHeaders): boolean => {
    const { origin, host } = headers;
    const site = headers['sec-fetch-site'];
    if (site === 'same-origin' || site === 'none') return false;
    if (origin === undefined) return site !== undefined;
    if (allowed.has(origin)) return false;
    // A browser that sends no Sec-Fetch-Site: the scheme is the proxy's affair, host and port must be ours.
    return site !== undefined || URL.parse(origin)?.host !== host;
  };

  const check = (headers: IncomingHttpHeaders, principal: Principal | undefined): void => {
    const session = sessionTokenFrom(headers);
    if (session === undefined) return;
    // Another credential was used: no page of another origin can send that along.
    if (principal !== undefined && principal.sessionId === undefined) return;
    if (isForeign(headers)) throw foreign();
    if (principal === undefined) return;
    const shown = headers['x-csrf-token'];
    if (typeof shown !== 'string' || !sessions.fits(session, shown)) throw wrongToken();
  };

  return async ({ headers }, principal) => {
    try {
      check(headers, principal);
    } catch (error) {
      if (principal) {
        await unitOfWork.run({ operation: 'auth.refusal' }, (transaction) =>
          audit.record(transaction, {
            stream: `user:${principal.subject}`,
            action: 'csrf.refused',
            outcome: 'refused',
            target: principal.subject,
            reason: 'csrf_token_invalid',
          }),
        );
      }
      throw error;
    }
  };
};
