import { constants } from 'node:crypto';
import { connect, type LookupFunction } from 'node:net';
import { DEFAULT_CIPHERS } from 'node:tls';
import { buildConnector } from 'undici';

/**
 * A receiver must not choose how long a handshake is calculated. With parameters of its own for Diffie-Hellman (DHE) it does: 600 ms with 10,000 bits. A
 * renegotiation repeats the handshake as often as the receiver wants.
 */
const tlsOptions = {
  minVersion: 'TLSv1.2',
  ciphers: `${DEFAULT_CIPHERS}:!kDHE`,
  // For TLS 1.3 this is the list of all groups, with those of Diffie-Hellman.
  ecdhCurve: 'X25519:P-256:P-384:P-521',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/**
 * Max bytes of a TLS connection from the receiver. The answer that is read has less than 64 KB. Updates of keys are no part of the answer, and a receiver
 * could send them without end: 27 bytes and 4 microseconds each.
 */
const maxReceivedBytes = 262_144;
const watchMs = 50;

type ConnectionSettings = {
  readonly timeoutMs: number;
  readonly lookup?: LookupFunction;
  /** Ends the connection, also while it is opened. */
  readonly signal: AbortSignal;
};

const tooMuch = (): Error => new Error('The receiver sends too much');
const notWanted = (): Error => new Error('The message is not wanted any more');

/** Opens the connection of one message. Its end is always told, by the callback or by the connection. */
export const createConnect = ({ timeoutMs, lookup, signal }: ConnectionSettings): buildConnector.connector => {
  const common = { ...(lookup && { lookup }) };
  const connector = buildConnector({ ...tlsOptions, ...common, timeout: timeoutMs, allowH2: false });
  return (target, callback) => {
    if (target.protocol !== 'https:') {
      connector(target, callback);
      return;
    }
    let isTold = false;
    const tell: buildConnector.Callback = (...outcome) => {
      if (isTold) return;
      isTold = true;
      callback(...outcome);
    };
    const httpSocket = connect({ host: target.hostname, port: Number(target.port || 443), ...common });
    let fault: Error | undefined;
    const end = (error: Error): void => {
      fault ??= error;
      httpSocket.destroy(error);
    };
    const watch = setInterval(() => {
      if (httpSocket.bytesRead > maxReceivedBytes) end(tooMuch());
    }, watchMs);
    const abort = (): void => end(notWanted());
    signal.addEventListener('abort', abort, { once: true });
    httpSocket
      // TLS keeps the handle of the socket, and the handle is replaced until one of the addresses has answered.
      .once('connect', () => connector({ ...target, httpSocket }, tell))
      .on('error', (error) => tell(error, null))
      .on('close', () => {
        clearInterval(watch);
        signal.removeEventListener('abort', abort);
        tell(fault ?? new Error('The receiver has closed the connection'), null);
      });
    if (signal.aborted) abort();
  };
};
