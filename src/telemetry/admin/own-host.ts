import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { AppError } from '../../kernel/catalogue/errors.ts';
import { isLocalHost } from '../../kernel/connections/local-host.ts';

/** The name in a Host header: `[::1]:9464` -> `::1`. */
const nameIn = (host: string): string => host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');

/**
 * Refuses a request over loopback whose Host is the name of another machine. A web page can let its own name resolve to 127.0.0.1
 * (DNS rebinding), and the browser of an operator would then show it what the admin port answers.
 * @throws AppError `malformed_request`
 */
export const assertOwnHost = ({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): void => {
  const name = nameIn(headers.host ?? '');
  const isOwn = name === '' || isIP(name) !== 0 || isLocalHost(name) || name.toLowerCase() === hostname().toLowerCase();
  if (isOwn || !isLocalHost(socket.localAddress ?? '')) return;
  throw new AppError(
    'malformed_request',
    'Over loopback the Host header must be an IP address, localhost or the name of this machine',
  );
};
