import { countedAddress } from './counted-address.ts';
import type { RequestContext } from './request-context.ts';

/** The key by which the share of a caller is counted: the principal, or the address where nobody is authenticated. */
export const callerOf = ({ principal, clientIp }: Pick<RequestContext, 'principal' | 'clientIp'>): string =>
  principal === undefined ? `ip:${countedAddress(clientIp)}` : `${principal.kind}:${principal.subject}`;
