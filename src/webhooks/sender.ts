import { constants } from 'node:crypto';
import { DEFAULT_CIPHERS } from 'node:tls';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { Client, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { limitInterimAnswers } from '#src/kernel/http-answers.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { addressIn, AddressRefusedError, createPublicLookup, isPublicAddress, type NameResolver } from './addresses.ts';
import { isReceiverPort } from './receiver-url.ts';

type Message = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
};

/**
 * Posts one message once and does not follow redirects.
 * @returns the HTTP status of the answer
 * @throws AppError `external_api_unavailable` (no connection, a broken connection, a refused address),
 *   `external_api_timeout`, or the reason of `signal`
 */
export type Send = (message: Message) => Promise<number>;

export type SenderSettings = {
  /** Time from the name lookup to the status line. */
  readonly timeoutMs: number;
  /** Whether receivers may have loopback and private addresses. */
  readonly privateAddresses: boolean;
  /** Resolves names whose addresses must be public. Default: the name servers of the system. */
  readonly resolver?: NameResolver;
};

/** The body of an answer is not used. A part of it is read, so that a receiver can finish sending a short body. */
const maxBodyBytes = 16_384;
const maxBodyMs = 500;

/**
 * A handshake is calculated in the event loop, and a receiver must not choose how long. With parameters of its own for Diffie-Hellman (DHE) it does: 600 ms
 * with 10,000 bits. A renegotiation repeats the handshake as often as the receiver wants.
 */
const tlsOptions = {
  minVersion: 'TLSv1.2',
  ciphers: `${DEFAULT_CIPHERS}:!kDHE`,
  // For TLS 1.3 this is the list of all groups, with those of Diffie-Hellman.
  ecdhCurve: 'X25519:P-256:P-384:P-521',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const;

export const createSend = ({ timeoutMs, privateAddresses, resolver }: SenderSettings): Send => {
  const connect = {
    ...tlsOptions,
    timeout: timeoutMs,
    ...(!privateAddresses && { lookup: createPublicLookup(resolver) }),
  };
  return async ({ url, headers, body, signal: callerSignal }) => {
    assertOutsideTransaction('Delivering a webhook');
    const target = new URL(url);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([callerSignal, timeout]);
    // Each message has its own connection, so receivers share nothing and no connection stays open.
    const client = new Client(target.origin, { connect, allowH2: false });
    const post = (): Promise<Dispatcher.ResponseData> =>
      client.request({
        method: 'POST',
        path: `${target.pathname}${target.search}`,
        headers,
        body,
        signal,
        onInfo: limitInterimAnswers(),
      });
    try {
      // For an IP address in the URL there is no lookup, so it is checked here.
      const literal = addressIn(target);
      if (!privateAddresses && literal !== undefined && !isPublicAddress(literal)) throw new AddressRefusedError();
      // A webhook of an earlier version may have any port.
      if (!isReceiverPort(target)) throw new AddressRefusedError('The receiver has a port of another protocol');
      // Outside the current span, because the instrumentation of undici would record the whole URL, which may hold a key.
      const answer = await context.with(ROOT_CONTEXT, post);
      await answer.body
        .dump({ limit: maxBodyBytes, signal: AbortSignal.any([signal, AbortSignal.timeout(maxBodyMs)]) })
        .catch(() => {});
      return answer.statusCode;
    } catch (cause) {
      callerSignal.throwIfAborted();
      if (timeout.aborted) throw new AppError('external_api_timeout', 'The receiver did not answer in time');
      const detail = cause instanceof AddressRefusedError ? cause.message : 'The receiver cannot be reached';
      throw new AppError('external_api_unavailable', detail, { cause });
    } finally {
      await client.destroy().catch(() => {});
    }
  };
};
