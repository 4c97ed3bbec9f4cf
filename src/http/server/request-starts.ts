import { createFairStarts, type FairStarts } from '#src/kernel/connections/fair-starts.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';
import type { ClientIp } from './client-ip.ts';
import { CountedRequest } from './counted-request.ts';

/** Starts the requests of the API. Clients are told apart by the address that the limits count. */
export const createRequestStarts = (clientIp: ClientIp): FairStarts =>
  createFairStarts({
    clientOf: (request) => countedAddress(clientIp(request)),
    onWaited: (request, milliseconds) => {
      if (request instanceof CountedRequest) request.startWaitMs = milliseconds;
    },
  });
