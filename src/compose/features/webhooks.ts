import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import type { Database } from '../../database/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import type { JobHandler } from '../../kernel/ports/jobs.ts';
import type { Owners } from '../../kernel/ports/owners.ts';
import type { Cursors } from '../../kernel/lists/pagination.ts';
import type { Route } from '../../kernel/requests/route.ts';
import {
  createDelivery,
  createOutbox,
  createSender,
  createWebhookRoutes,
  createWebhooks,
  createWebhookSecrets,
  type Outbox,
} from '../../webhooks/index.ts';
import { basePath, type Base } from '../base.ts';

export type WebhookParts = Pick<Outbox, 'announce' | 'handleEvent' | 'resume'> & {
  readonly deliver: JobHandler;
  readonly routes: readonly Route[];
  readonly close: () => Promise<void>;
};

const hourMs = 3_600_000;

/** Registered webhooks, and the jobs that deliver events to them. */
export const composeWebhooks = async (
  { config, production, build, clock, logger, metrics, abuse }: Base,
  { unitOfWork, reader }: Database,
  {
    jobs,
    keyRing,
    cursors,
    owners,
    audit,
  }: {
    readonly jobs: Jobs;
    readonly keyRing: KeyRing;
    readonly cursors: Cursors;
    readonly owners: Owners;
    readonly audit: AuditTrail;
  },
): Promise<WebhookParts> => {
  if (production && config.WEBHOOK_SECRET === undefined) {
    logger.warn({}, 'WEBHOOK_SECRET is not set: rotating the signing key will change the secret of every webhook');
  }
  const key = config.WEBHOOK_SECRET ?? (await derivedSecret(keyRing.signing, 'webhooks'));
  const secrets = createWebhookSecrets({ key });
  const privateAddresses = config.WEBHOOK_PRIVATE_ADDRESSES ?? !production;
  const outbox = createOutbox({ unitOfWork, reader, jobs, clock, ids: uuidv7, abuse, logger });
  const sender = createSender({ timeoutMs: config.WEBHOOK_TIMEOUT_MS, privateAddresses, logger });
  const rotationMs = config.WEBHOOK_ROTATION_HOURS * hourMs;
  const webhooks = createWebhooks({
    unitOfWork,
    reader,
    audit,
    owners,
    secrets,
    outbox,
    clock,
    ids: uuidv7,
    rotationMs,
    maxPerOwner: config.WEBHOOKS_PER_OWNER,
    maxTestsPerOwner: config.WEBHOOK_TESTS_PER_OWNER,
    abuse,
  });
  return {
    ...outbox,
    close: sender.close,
    routes: createWebhookRoutes({ webhooks, cursors, basePath, allowHttp: !production, privateAddresses }),
    deliver: createDelivery({
      unitOfWork,
      reader,
      audit,
      secrets,
      send: sender.send,
      owners,
      abuse,
      disableAfter: config.WEBHOOK_DISABLE_AFTER,
      rotationMs,
      userAgent: `volwatch/${build.version}`,
      clock,
      metrics,
      logger,
    }),
  };
};
