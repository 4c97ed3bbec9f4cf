import { Client, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { limitInterimAnswers } from '#src/kernel/http-answers.ts';
import { addressIn, AddressRefusedError, createPublicLookup, isPublicAddress, type NameResolver } from './addresses.ts';
import { isReceiverPort } from '../receiver-url.ts';
import { createConnect } from './connection.ts';

export type Message = {
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

export const createSend = ({ timeoutMs, privateAddresses, resolver }: SenderSettings): Send => {
  const lookup = privateAddresses ? undefined : createPublicLookup(resolver);
  return async ({ url, headers, body, signal: callerSignal }) => {
    const target = new URL(url);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([callerSignal, timeout]);
    // Each message has its own connection, so receivers share nothing and no connection stays open.
    const connect = createConnect({ timeoutMs, signal, ...(lookup && { lookup }) });
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
      const answer = await post();
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
