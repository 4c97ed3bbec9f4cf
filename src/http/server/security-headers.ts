import helmet, { type HelmetOptions } from 'helmet';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

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

/** The security headers of every answer. They do not depend on the request. */
export const listSecurityHeaders = (production: boolean): readonly (readonly [string, string])[] => {
  const headers: [string, string][] = [['Permissions-Policy', permissionsPolicy]];
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  // helmet gets a response that keeps the names as helmet writes them; Node itself keeps them in lower case.
  response.setHeader = (name, value) => {
    headers.push([name, String(value)]);
    return response;
  };
  helmet(optionsOf(production))(response.req, response, (error) => {
    if (error !== undefined) throw new Error('The security headers cannot be set', { cause: error });
  });
  return headers;
};
