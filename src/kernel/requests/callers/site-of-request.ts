import { countedSite } from '../counted-address.ts';
import { currentRequest } from '../request-context.ts';

/** The network of the current request, as `countedSite`. Undefined outside of a request, in jobs and commands. */
export const siteOfRequest = (): string | undefined => {
  const request = currentRequest();
  return request && countedSite(request.clientIp);
};
