import { subjectsOfUserSql } from '../../../kernel/credentials/subjects-of-user.ts';
import type { PersonalTables } from '../../../kernel/ports/account/personal-data.ts';

const isOwned = "t.owner_kind = 'user' and t.owner_id = $1";
const theOwner = { columns: ['owner_kind', 'owner_id'], because: 'the user of the export' };

/** What a user has the service do. */
export const workTables: PersonalTables = {
  idempotency_key: {
    holds: 'answers that are kept for repeated requests',
    where: `t.subject in ${subjectsOfUserSql}`,
    exported: ['subject', 'expires_at', 'finished_at', 'reply'],
    omitted: [
      { columns: ['key_hash', 'fingerprint'], because: 'digests of the key and the request' },
      { columns: ['owner', 'counted_against', 'lease_until'], because: 'how the service keeps the answer' },
    ],
    removal: 'deleted',
  },
  pricing_job: {
    holds: 'pricing jobs',
    where: `t.subject in ${subjectsOfUserSql}`,
    exported: ['id', 'subject', 'status', 'created_at', 'submitted_at', 'defaults'],
    omitted: [{ columns: ['owner'], because: 'the user of the export' }],
    removal: 'deleted',
  },
  pricing_chunk: {
    holds: 'chunks of pricing jobs',
    where: `t.job_id in (select id from pricing_job as job where job.subject in ${subjectsOfUserSql})`,
    exported: ['job_id', 'number', 'status', 'stored_bytes', 'row_count', 'failed_count', 'reason', 'finished_at'],
    omitted: [
      { columns: ['input', 'output'], because: 'up to gigabytes of numbers; GET /pricing/jobs has the results' },
      { columns: ['digest'], because: 'a digest of the input' },
      { columns: ['network'], because: 'a keyed hash of the network of the request' },
      { columns: ['is_resumed'], because: 'a state of the queue' },
    ],
    removal: 'deleted',
  },
  webhook: {
    holds: 'webhooks',
    where: isOwned,
    exported: [
      'id',
      'url',
      'events',
      'secret_version',
      'rotated_at',
      'overlap_version',
      'dead_in_row',
      'disabled_at',
      'disabled_reason',
      'created_at',
    ],
    omitted: [theOwner],
    removal: 'deleted',
  },
  webhook_delivery: {
    holds: 'deliveries to webhooks',
    where: "t.webhook_id in (select id from webhook where owner_kind = 'user' and owner_id = $1)",
    exported: [
      'webhook_id',
      'event_id',
      'state',
      'attempts',
      'status_code',
      'outcome',
      'duration_ms',
      'attempted_at',
      'created_at',
    ],
    omitted: [],
    removal: 'anonymised',
    remains: 'rows that name only the id of a deleted webhook, until RETENTION_SCHEDULE removes them',
  },
};
