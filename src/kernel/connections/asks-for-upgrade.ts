import type { IncomingMessage } from 'node:http';

/**
 * Whether a request asks for another protocol. No protocol is offered, so it is answered as any other request, which HTTP allows. It
 * must be the last one of its connection, see docs/decisions/0265.
 */
export const asksForUpgrade = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers.upgrade !== undefined && headers.connection?.toLowerCase().includes('upgrade') === true;
