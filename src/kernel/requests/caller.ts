import { countedAddress } from './counted-address.ts';
import { ownerName } from '../ports/owners.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Returns the key for limits per caller: the owner of the credential, or without a credential the address (for IPv6 its
 * /64 network). API keys count for their owner, because more keys must not give a larger share.
 */
export const callerOf = ({ principal, clientIp }: Pick<RequestContext, 'principal' | 'clientIp'>): string =>
  principal === undefined ? `ip:${countedAddress(clientIp)}` : ownerName(principal);
