import { countedAddress } from '#src/kernel/counted-address.ts';
import type { RequestContext } from '#src/kernel/request-context.ts';

/** Who a limit by caller counts: the principal, else the address (the /64 network of an IPv6 one). */
export const callerOf = ({ principal, clientIp }: Pick<RequestContext, 'principal' | 'clientIp'>): string =>
  principal === undefined ? `ip:${countedAddress(clientIp)}` : `${principal.kind}:${principal.subject}`;
