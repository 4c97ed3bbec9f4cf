import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createFairStarts, type FairStarts } from '#src/kernel/connections/fair-starts.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import type { ClientIp } from './client-ip.ts';
import { CountedRequest } from './counted-request.ts';

/** Starts the requests of the API. Clients are told apart by the address that the limits count. */
export const createRequestStarts = (deps: { readonly clientIp: ClientIp; readonly metrics: Metrics }): FairStarts =>
  createFairStarts({
    clientOf: ({ socket, headers }) => countedAddress(deps.clientIp(socket.remoteAddress, headers)),
    onWaited: (request, milliseconds) => {
      deps.metrics.observe('volwatch_http_start_wait_seconds', {}, milliseconds / 1000);
      if (request instanceof CountedRequest) request.startWaitMs = milliseconds;
    },
  });
