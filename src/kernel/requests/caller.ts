import { countedAddress } from './counted-address.ts';
import { ownerName } from '../ports/owners.ts';
import type { RequestContext } from './request-context.ts';

/**
 * The key by which the share of a caller is counted: the owner of the credential, or where nobody is authenticated the
 * address (of IPv6 its /64 network). API keys count for their owner, because more keys must not mean a larger share.
 */
export const callerOf = ({ principal, clientIp }: Pick<RequestContext, 'principal' | 'clientIp'>): string =>
  principal === undefined ? `ip:${countedAddress(clientIp)}` : ownerName(principal);
