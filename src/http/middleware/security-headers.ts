import helmet, { type HelmetOptions } from 'helmet';
import koaHelmet from 'koa-helmet';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { HttpMiddleware } from '../routing/types.ts';

const hstsSeconds = 365 * 24 * 60 * 60;
const permissionsPolicy = 'camera=(), geolocation=(), microphone=(), payment=(), usb=()';

const optionsOf = (production: boolean): HelmetOptions => ({
  /** No inline script or style anywhere, no other origin; the docs page needs `data:` images. */
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
  // Over plain HTTP it means nothing, and on a laptop's `localhost` it would outlast the service.
  strictTransportSecurity: production && { maxAge: hstsSeconds, includeSubDomains: true },
  xFrameOptions: { action: 'deny' },
  // For browsers that nobody has any more.
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xXssProtection: false,
});

/** Security headers on every answer of the app. */
export const securityHeaders = (production: boolean): HttpMiddleware => {
  const set = koaHelmet(optionsOf(production));
  return async (ctx, next) => {
    ctx.res.setHeader('Permissions-Policy', permissionsPolicy);
    await set(ctx, next);
  };
};

/** The same ones as a list, for answers that are written to the socket without Koa. */
export const listSecurityHeaders = (production: boolean): readonly (readonly [string, string])[] => {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet(optionsOf(production))(request, response, () => {});
  response.setHeader('Permissions-Policy', permissionsPolicy);
  return response.getHeaderNames().map((name) => [name, String(response.getHeader(name))]);
};
