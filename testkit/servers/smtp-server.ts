import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** The fault of the next deliveries: an SMTP reply to RCPT TO, or no reply at all (`hang`). */
export type SmtpFault = number | { readonly code: number; readonly text: string } | 'hang';

type ReceivedMail = {
  readonly from: string;
  readonly to: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

export type SmtpTestServer = {
  readonly url: string;
  readonly port: number;
  readonly received: ReceivedMail[];
  fault: SmtpFault | undefined;
  /** The reply code of MAIL FROM. */
  senderFault: number | undefined;
  /** RCPT TO gets no reply for addresses of this domain. */
  hangingDomain: string | undefined;
  /** Number of deliveries that got no reply. */
  readonly hanging: number;
  readonly stop: () => Promise<void>;
};

/** Decodes quoted-printable text (RFC 2045, section 6.7). */
const decoded = (body: string): string =>
  Buffer.from(
    body
      .replaceAll(/=\r?\n/g, '')
      .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

const parse = (raw: string): Pick<ReceivedMail, 'headers' | 'text'> => {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const body = raw.slice(end + 4);
  const quoted = headers['content-transfer-encoding'] === 'quoted-printable';
  return { headers, text: (quoted ? decoded(body) : body).replaceAll('\r\n', '\n') };
};

const streamText = async (stream: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
};

/**
 * A real SMTP server on loopback. It stores each message in `received`.
 * @param options.account only this user may send; absent: no sign-in is needed
 * @param options.port to start again on the port of a stopped server
 */
export const startSmtpServer = async (
  t: { readonly teardown: (end: () => Promise<void>) => void },
  {
    account,
    port = 0,
  }: { readonly account?: { readonly user: string; readonly password: string }; port?: number } = {},
): Promise<SmtpTestServer> => {
  let fault: SmtpFault | undefined;
  let hangingDomain: string | undefined;
  let senderFault: number | undefined;
  let hanging = 0;
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: account === undefined,
    // Connections that hang do not delay the end of a test.
    closeTimeout: 500,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, callback) => {
      if (username === account?.user && password === account?.password) return callback(null, { user: username });
      callback(new Error('wrong account'));
    },
    onMailFrom: (_address, _session, callback) => {
      if (senderFault === undefined) return callback();
      callback(Object.assign(new Error('sender refused'), { responseCode: senderFault }));
    },
    onRcptTo: ({ address }, _session, callback) => {
      if (fault === 'hang' || (hangingDomain !== undefined && address.endsWith(`@${hangingDomain}`))) {
        hanging += 1;
        return;
      }
      if (fault === undefined) return callback();
      const { code, text } = typeof fault === 'number' ? { code: fault, text: `no mail for <${address}>` } : fault;
      callback(Object.assign(new Error(text), { responseCode: code }));
    },
    onData: (stream, { envelope }, callback) => {
      const take = async (): Promise<void> => {
        const raw = await streamText(stream);
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        received.push({ from, to: envelope.rcptTo.map(({ address }) => address), ...parse(raw) });
        callback();
      };
      void take();
    },
  });
  // A client that gives up resets its connection.
  server.on('error', () => {});
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const address = server.server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= new Promise((resolve) => {
      server.close(resolve);
    }));
  t.teardown(stop);
  const login = account ? `${encodeURIComponent(account.user)}:${encodeURIComponent(account.password)}@` : '';
  return {
    url: `smtp://${login}127.0.0.1:${address.port}`,
    port: address.port,
    received,
    get hanging() {
      return hanging;
    },
    get hangingDomain() {
      return hangingDomain;
    },
    set hangingDomain(next) {
      hangingDomain = next;
    },
    get senderFault() {
      return senderFault;
    },
    set senderFault(next) {
      senderFault = next;
    },
    get fault() {
      return fault;
    },
    set fault(next) {
      fault = next;
    },
    stop,
  };
};
