import { createHmac } from 'node:crypto';
import { countedSite } from '../counted-address.ts';
import { currentRequest } from '../request-context.ts';

/** The network of the current request, as `countedSite`. Undefined outside of a request, in jobs and commands. */
export const siteOfRequest = (): string | undefined => {
  const request = currentRequest();
  return request && countedSite(request.clientIp);
};

/**
 * A hash of the network of the current request with a secret key, because an address is personal data and must not be stored.
 * Undefined outside of a request.
 */
export const siteHashOfRequest = (key: Uint8Array): Buffer | undefined => {
  const site = siteOfRequest();
  return site === undefined ? undefined : createHmac('sha256', key).update(site).digest();
};
