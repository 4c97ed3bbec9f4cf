import type { PersonalTables } from '../../../kernel/ports/account/personal-data.ts';
import { calendarTables } from './calendar-tables.ts';
import { credentialTables } from './credential-tables.ts';
import { workTables } from './work-tables.ts';

/**
 * Every table with data about a user. The export of an account and the removal of an account follow from it. A test
 * compares the list with the tables and columns of a migrated database, and removes an account that has a row in each.
 */
export const personalTables: PersonalTables = { ...credentialTables, ...calendarTables, ...workTables };

const marketData = 'market data';

/** The other tables, and why they hold nothing about a user. */
export const impersonalTables: Readonly<Record<string, string>> = {
  asset: marketData,
  audit_stream: 'the state of each chain of events',
  fetched_series: marketData,
  index_constituent: marketData,
  corporate_actions: marketData,
  index_checkpoint: marketData,
  index_divisor: marketData,
  index_value: marketData,
  job_turn: 'numbers by a hash of the group of a job and of a keyed hash of its network, until the queue is empty',
  market_index: marketData,
  oauth_client: 'clients are machines',
  price: marketData,
  price_quarantine: marketData,
  pricing_write: 'bytes of ten minutes by a hash of the owner',
  refresh: 'records of refreshes, which do not name who asked',
  registration_count: 'counts of registrations by parts of a keyed hash, which many networks share',
  revoked_token: 'random ids of tokens, without their user',
  schema_migrations: 'migrations',
  universe: marketData,
  universe_asset: marketData,
  universe_bundle: marketData,
  universe_index: marketData,
  universe_quality: marketData,
  webhook_event: 'events about refreshes, which all receivers share',
};
