import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { Client, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { addressIn, AddressRefusedError, createPublicLookup, isPublicAddress, type NameResolver } from './addresses.ts';

type Message = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
};

/**
 * Posts one message, once, without following redirects. @returns the status that was answered
 * @throws AppError `external_api_unavailable` (not reached, broken off, an address that is refused),
 *   `external_api_timeout`, or the reason of `signal`
 */
export type Send = (message: Message) => Promise<number>;

export type SenderSettings = {
  /** From the look-up of the name to the status line. */
  readonly timeoutMs: number;
  /** Whether receivers may be on loopback and private networks. */
  readonly privateAddresses: boolean;
  /** Of names whose addresses must be public; the machine's name servers unless told. */
  readonly resolver?: NameResolver;
};

/** An answer's body is nothing to us; a little of it is taken so that an honest receiver can finish. */
const mostBodyBytes = 16_384;
const longestBodyMs = 500;

export const createSend = ({ timeoutMs, privateAddresses, resolver }: SenderSettings): Send => {
  const connect = { timeout: timeoutMs, ...(!privateAddresses && { lookup: createPublicLookup(resolver) }) };
  return async ({ url, headers, body, signal: outer }) => {
    assertOutsideTransaction('Delivering a webhook');
    const target = new URL(url);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([outer, timeout]);
    // A connection of its own: receivers share nothing, and nothing is left open.
    const client = new Client(target.origin, { connect, allowH2: false });
    const post = (): Promise<Dispatcher.ResponseData> =>
      client.request({ method: 'POST', path: `${target.pathname}${target.search}`, headers, body, signal });
    try {
      // A literal address is connected to without a look-up.
      const literal = addressIn(target);
      if (!privateAddresses && literal !== undefined && !isPublicAddress(literal)) throw new AddressRefusedError();
      // Outside the current span: undici's instrumentation would put the whole URL, which may hold a key, into one.
      const answer = await context.with(ROOT_CONTEXT, post);
      await answer.body
        .dump({ limit: mostBodyBytes, signal: AbortSignal.any([signal, AbortSignal.timeout(longestBodyMs)]) })
        .catch(() => {});
      return answer.statusCode;
    } catch (cause) {
      outer.throwIfAborted();
      if (timeout.aborted) throw new AppError('external_api_timeout', 'The receiver did not answer in time');
      const detail = cause instanceof AddressRefusedError ? cause.message : 'The receiver cannot be reached';
      throw new AppError('external_api_unavailable', detail, { cause });
    } finally {
      await client.destroy().catch(() => {});
    }
  };
};
