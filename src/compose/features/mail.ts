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
  createOutbox,
  createSmtp,
  createWaitingGauge,
  type Mailbox,
  type Outbox,
  type Smtp,
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
  readonly close: () => void;
};

const composeSmtp = ({ config, production, clock, metrics, logger }: Base, url: string, from: string): Smtp =>
  createSmtp({
    url,
    from,
    // Messages hold tokens, so they must not cross a network in clear.
    requireTls: production && !isLocalHost(new URL(url).hostname),
    timeoutMs: config.SMTP_TIMEOUT_MS,
    policy: createPolicy({
      dependency: 'smtp',
      attemptTimeoutMs: config.SMTP_TIMEOUT_MS,
      // The queue retries, because no caller waits.
      retries: 0,
      breaker: { failures: config.BREAKER_FAILURES, resetMs: config.BREAKER_RESET_MS },
      bulkhead: { concurrent: config.JOBS_CONCURRENCY, waiting: 0 },
      clock,
      metrics,
      logger,
    }),
    clock,
  });

const mailboxRoute = (mailbox: Mailbox): AdminRoute => ({
  method: 'GET',
  path: '/dev/mailbox',
  handle: () => ({ status: 200, body: { data: mailbox.list() } }),
});

/** E-mail over SMTP; without SMTP_URL into a mailbox in memory, and in production not at all. */
export const composeMail = (base: Base, { unitOfWork, reader }: Database, jobs: Jobs): MailFeature => {
  const { config, production, clock, metrics, logger, abuse } = base;
  const { SMTP_URL: url, MAIL_FROM: from } = config;
  const smtp = url === undefined || from === undefined ? undefined : composeSmtp(base, url, from);
  const mailbox = smtp || production ? undefined : createMailbox({ clock, logger });
  const send = smtp?.send ?? mailbox?.send;
  if (!send) logger.warn({}, 'SMTP_URL is not set: users cannot reset their password by e-mail');
  return {
    outbox: createOutbox({
      isConfigured: send !== undefined,
      unitOfWork,
      reader,
      jobs,
      clock,
      ids: uuidv7,
      abuse,
      metrics,
      logger,
      maxPerRecipient: config.MAIL_PER_RECIPIENT_PER_HOUR,
      maxWaiting: config.MAIL_WAITING_MAX,
    }),
    createHandler: (write) =>
      send ? createMailDelivery({ unitOfWork, reader, write, send, clock, metrics, logger }) : async () => {},
    checks: smtp ? [smtp.healthCheck] : [],
    collect: createWaitingGauge({ reader, clock, metrics }),
    adminRoutes: mailbox ? [mailboxRoute(mailbox)] : [],
    close: () => smtp?.close(),
  };
};
