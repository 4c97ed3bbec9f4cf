import { setTimeout as sleep } from 'node:timers/promises';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Envelope } from './send.ts';

export type SmtpSessionOptions = {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  readonly url: string;
  /** Address of the sender, with a name if one is wanted: `Volwatch <no-reply@example.org>`. */
  readonly from: string;
  /** Refuse a server that does not offer STARTTLS. */
  readonly requireTls: boolean;
  /** Timeout of one message: connection, greeting and delivery together. */
  readonly timeoutMs: number;
};

/** `connection`: up to the sign-in, the same for all messages. `message`: from MAIL FROM on. */
type Phase = 'connection' | 'message';

type SmtpError = {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly responseCode?: unknown;
  readonly response?: unknown;
};

/** The status code of RFC 3463 at the begin of a reply, for example the 5.1.1 of `550 5.1.1 no such user`. */
const statusIn = (response: unknown): string | undefined =>
  typeof response === 'string' ? /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})(?!\S)/.exec(response)?.[1] : undefined;

/** Why a message was not delivered. It has not the answer of the server, because the answer often holds the address of the recipient. */
export class SmtpFault extends Error {
  override readonly name = 'SmtpFault';
  readonly phase: Phase;
  readonly code: string | undefined;
  /** The command that the server refused, such as `RCPT TO`. */
  readonly command: string | undefined;
  readonly responseCode: number | undefined;
  readonly status: string | undefined;

  constructor(phase: Phase, error: SmtpError) {
    super('The message was not delivered');
    this.phase = phase;
    this.code = typeof error.code === 'string' ? error.code : undefined;
    this.command = typeof error.command === 'string' ? error.command : undefined;
    this.status = statusIn(error.response);
    this.responseCode = typeof error.responseCode === 'number' ? error.responseCode : undefined;
  }
}

/** A fault of nodemailer has this code for each of its own timeouts. */
export const timeoutCode = 'ETIMEDOUT';

const optionsOf = ({ url, requireTls, timeoutMs }: SmtpSessionOptions): SMTPConnection.Options => {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: requireTls && !secure,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  };
};

const accountOf = (url: string): { readonly user: string; readonly pass: string } | undefined => {
  const { username, password } = new URL(url);
  return username === '' ? undefined : { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
};

const compose = (from: string, { id, to, subject, text }: Envelope) =>
  new MailComposer({
    from,
    // The address is an object, because a text would be parsed as a list of addresses.
    to: { name: '', address: to },
    subject,
    text,
    messageId: `<${id}@volwatch>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    // A message is plain text of this service. It never names a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();

type Done = (error?: Error | null) => void;

/**
 * Delivers one message over a connection of its own. The transport of nodemailer does the same, but reports each timeout as one of the
 * connection, so that nobody could tell a silent server from a server that does not answer for one recipient.
 * @throws SmtpFault, or the reason of `signal`
 */
export const deliver = async (options: SmtpSessionOptions, envelope: Envelope, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted();
  const message = compose(options.from, envelope);
  const bytes = await message.build();
  const account = accountOf(options.url);
  const connection = new SMTPConnection(optionsOf(options));
  const ended = new AbortController();
  const failed = Promise.withResolvers<never>();
  connection.on('error', failed.reject);
  const step = (begin: (done: Done) => void): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    begin((error) => (error ? reject(error) : resolve()));
    return Promise.race([promise, failed.promise]);
  };
  let phase: Phase = 'connection';
  const run = async (): Promise<void> => {
    await step((done) => connection.connect(done));
    if (account && connection.allowsAuth) await step((done) => connection.login({ ...account }, done));
    phase = 'message';
    await step((done) => connection.send(message.getEnvelope(), bytes, done));
  };
  const timeout = async (): Promise<never> => {
    await sleep(options.timeoutMs, undefined, { signal: AbortSignal.any([signal, ended.signal]) });
    throw Object.assign(new Error('The time of the message is over'), { code: timeoutCode });
  };
  try {
    await Promise.race([run(), timeout()]);
  } catch (error) {
    signal.throwIfAborted();
    throw new SmtpFault(phase, error as SmtpError);
  } finally {
    ended.abort();
    connection.close();
  }
};
