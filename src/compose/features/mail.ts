import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import type { Database } from '../../database/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import { isLocalHost } from '../../kernel/connections/local-host.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import type { HealthCheck } from '../../kernel/ports/health.ts';
import type { JobHandler } from '../../kernel/ports/jobs.ts';
import type { WriteLetter } from '../../kernel/ports/account/mail.ts';
import {
  createMailbox,
  createMailDelivery,
  createMailLimits,
  createOutbox,
  createSmtp,
  createWaitingGauge,
  type Mailbox,
  type Outbox,
  type Smtp,
  type TokenSeconds,
} from '../../mail/index.ts';
import { createPolicy } from '../../resilience/index.ts';
import type { AdminRoute, Collector } from '../../telemetry/index.ts';
import type { Base } from '../base.ts';

export type MailFeature = {
  readonly outbox: Outbox;
  /** The handler of the mail queue. @param write makes the text of each message */
  readonly createHandler: (write: WriteLetter) => JobHandler;
  readonly checks: readonly HealthCheck[];
  readonly collect: Collector;
  readonly adminRoutes: readonly AdminRoute[];
};

const backstopMs = 1_000;

const composeSmtp = ({ config, production, clock, metrics, logger }: Base, url: string, from: string): Smtp =>
  createSmtp({
    url,
    from,
    // Messages hold tokens, so they must not cross a network in clear.
    requireTls: production && !isLocalHost(new URL(url).hostname),
    timeoutMs: config.SMTP_TIMEOUT_MS,
    policy: createPolicy({
      dependency: 'smtp',
      // The delivery ends itself after its timeout, because it knows what the server did not answer. This is for the case that it does not.
      attemptTimeoutMs: config.SMTP_TIMEOUT_MS + backstopMs,
      // The queue retries, because no caller waits.
      retries: 0,
      breaker: { failures: config.BREAKER_FAILURES, resetMs: config.BREAKER_RESET_MS },
      bulkhead: { concurrent: Math.max(config.MAIL_CONCURRENCY, config.MAIL_MAX_CONCURRENCY), waiting: 0 },
      clock,
      metrics,
      logger,
    }),
    clock,
  });

const tokenSecondsOf = (config: Base['config']): TokenSeconds => {
  const reset = config.PASSWORD_RESET_MINUTES * 60;
  const email = config.EMAIL_TOKEN_HOURS * 3_600;
  return {
    password_reset: reset,
    // The message to a contested address has a token of a reset.
    registration: Math.min(reset, email),
    email_change: email,
    email_approval: email,
  };
};

const mailboxRoute = (mailbox: Mailbox): AdminRoute => ({
  method: 'GET',
  path: '/dev/mailbox',
  handle: () => ({ status: 200, body: { data: mailbox.list() } }),
});

/** E-mail over SMTP; without SMTP_URL into a mailbox in memory, and in production not at all. */
export const composeMail = async (
  base: Base,
  { unitOfWork, reader }: Database,
  { jobs, keyRing }: { readonly jobs: Jobs; readonly keyRing: KeyRing },
): Promise<MailFeature> => {
  const { config, production, clock, metrics, logger, abuse } = base;
  const { SMTP_URL: url, MAIL_FROM: from } = config;
  const smtp = url === undefined || from === undefined ? undefined : composeSmtp(base, url, from);
  const mailbox = smtp || production ? undefined : createMailbox({ clock, logger });
  const send = smtp?.send ?? mailbox?.send;
  if (!send) logger.warn({}, 'SMTP_URL is not set: users cannot reset their password by e-mail');
  const outbox = createOutbox({
    isConfigured: send !== undefined,
    unitOfWork,
    reader,
    jobs,
    clock,
    ids: uuidv7,
    metrics,
    logger,
    limits: createMailLimits({
      clock,
      abuse,
      metrics,
      networkKey: await derivedSecret(keyRing.signing, 'networks that cause mail'),
      maxPerRecipient: config.MAIL_PER_RECIPIENT_PER_HOUR,
      tokenSeconds: tokenSecondsOf(config),
      maxPerAccount: config.MAIL_PER_ACCOUNT_PER_HOUR,
      // The mailbox in memory sends nothing, and all callers of a development machine have one address.
      maxPerNetwork: smtp ? config.MAIL_PER_NETWORK_PER_HOUR : Number.MAX_SAFE_INTEGER,
      maxWaiting: config.MAIL_WAITING_MAX,
    }),
  });
  return {
    outbox,
    createHandler: (write) =>
      send
        ? createMailDelivery({
            unitOfWork,
            reader,
            write,
            send,
            refusedMs: smtp?.refusedMs ?? (() => 0),
            clock,
            metrics,
            logger,
          })
        : async () => {},
    checks: smtp ? [smtp.healthCheck] : [],
    collect: createWaitingGauge({ reader, clock, metrics }),
    adminRoutes: mailbox ? [mailboxRoute(mailbox)] : [],
  };
};
