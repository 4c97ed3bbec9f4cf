import { createTransport } from 'nodemailer';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Envelope, Send } from './send.ts';

export type SmtpDeps = {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  readonly url: string;
  /** Address of the sender, with a name if one is wanted: `Volwatch <no-reply@example.org>`. */
  readonly from: string;
  /** Refuse a server that does not offer STARTTLS. */
  readonly requireTls: boolean;
  /** Timeout of one message: connection, greeting and delivery together. */
  readonly timeoutMs: number;
  readonly policy: Policy;
  readonly clock: Clock;
};

export type Smtp = {
  readonly send: Send;
  /** Health from the circuit state and the last message. The check sends nothing. */
  readonly healthCheck: HealthCheck;
  readonly close: () => void;
};

/** A server that asks to come back later (greylisting, limits) works, so its answer does not open the circuit. */
const laterSeconds = 60;
const timeoutCodes: ReadonlySet<unknown> = new Set(['ETIMEDOUT']);
/** Errors about this message alone. All others are about the connection or the account at the server. */
const messageCodes: ReadonlySet<unknown> = new Set(['EENVELOPE', 'EMESSAGE']);

type SmtpError = { readonly code?: unknown; readonly responseCode?: unknown };

/** The error has no cause and not the answer of the server, because the answer often holds the address of the recipient. */
const toAppError = ({ code, responseCode }: SmtpError): AppError => {
  const what = [code, responseCode].filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
  if (timeoutCodes.has(code)) return new AppError('external_api_timeout', `The SMTP server did not answer: ${what}`);
  if (typeof responseCode !== 'number') {
    return new AppError('external_api_unavailable', `The SMTP server cannot be reached: ${what}`);
  }
  const detail = `The SMTP server refused: ${what}`;
  if (responseCode < 500) return new AppError('external_api_unavailable', detail, { retryAfter: laterSeconds });
  return new AppError('external_api_bad_response', detail);
};

const isRejected = ({ code, responseCode }: SmtpError): boolean =>
  messageCodes.has(code) && typeof responseCode === 'number' && responseCode >= 500;

const optionsOf = ({ url, requireTls, timeoutMs }: SmtpDeps) => {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: requireTls && !secure,
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // A message is plain text of this service. It never names a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
};

export const createSmtp = (deps: SmtpDeps): Smtp => {
  const { from, policy, clock, timeoutMs } = deps;
  const transport = createTransport(optionsOf(deps));
  const { watch, healthCheck } = createDependencyHealth({ dependency: 'smtp', policy, work: 'message' });

  const attempt = async ({ id, to, subject, text }: Envelope, signal: AbortSignal): Promise<'sent' | 'rejected'> => {
    try {
      // The address is an object, because a text would be parsed as a list of addresses.
      const message = { from, to: { name: '', address: to }, subject, text, messageId: `<${id}@volwatch>`, signal };
      await transport.sendMail({ ...message, headers: { 'Auto-Submitted': 'auto-generated' } });
      return 'sent';
    } catch (error) {
      if (isRejected(error as SmtpError)) return 'rejected';
      throw toAppError(error as SmtpError);
    }
  };

  return {
    send: async (envelope, signal) => {
      assertOutsideTransaction('Sending mail');
      // Not idempotent: the server can have taken a message whose answer was lost. The queue retries later.
      const call = { signal, deadline: clock.monotonic() + timeoutMs, idempotent: false };
      return await watch((run) => run(call, (attemptSignal) => attempt(envelope, attemptSignal)));
    },
    healthCheck,
    close: () => transport.close(),
  };
};
