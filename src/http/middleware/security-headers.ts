import helmet, { type HelmetOptions } from 'helmet';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { HttpMiddleware } from '../routing/types.ts';

const hstsSeconds = 365 * 24 * 60 * 60;
const permissionsPolicy = 'camera=(), geolocation=(), microphone=(), payment=(), usb=()';

const optionsOf = (production: boolean): HelmetOptions => ({
  /** Inline scripts, inline styles and other origins are refused. The docs page needs `data:` images. */
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Outside production there is no HSTS, because a browser would keep it for `localhost` after the service has ended.
  strictTransportSecurity: production && { maxAge: hstsSeconds, includeSubDomains: true },
  xFrameOptions: { action: 'deny' },
  // These headers are for browsers that are not in use any more.
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xXssProtection: false,
});

/** Sets the security headers on every answer of the app. */
export const securityHeaders = (production: boolean): HttpMiddleware => {
  const set = helmet(optionsOf(production));
  return async ({ req, res }, next) => {
    res.setHeader('Permissions-Policy', permissionsPolicy);
    // These options compute nothing per request, so helmet calls back at once.
    set(req, res, (error) => {
      if (error !== undefined) throw new Error('The security headers cannot be set', { cause: error });
    });
    await next();
  };
};

/** The security headers as a list, for answers that are written to the socket without Koa. */
export const listSecurityHeaders = (production: boolean): readonly (readonly [string, string])[] => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  helmet(optionsOf(production))(response.req, response, () => {});
  response.setHeader('Permissions-Policy', permissionsPolicy);
  return response.getHeaderNames().map((name) => [name, String(response.getHeader(name))]);
};
