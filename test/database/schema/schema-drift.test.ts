import test from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

/** A migration that differs from its entity in one property, and the part of the correction that shows it. */
const differences: Readonly<Record<string, readonly [statement: string, correction: RegExp]>> = {
  'a missing table': ['drop table webhook_delivery', /create table "webhook_delivery"/],
  'a table without an entity': ['create table surplus (id int)', /drop table if exists "surplus"/],
  'a missing column': ['alter table asset drop column currency', /add "currency" text not null/],
  'a column without a property': ['alter table asset add column surplus text', /drop column "surplus"/],
  'another type': ['alter table pricing_chunk alter column row_count type bigint', /"row_count" type int/],
  'another type of array': ['alter table oauth_client alter column scopes type text', /"scopes" type text\[\]/],
  'timestamp without time zone': [
    'alter table user_session alter column seen_at type timestamp',
    /"seen_at" type timestamptz/,
  ],
  'text with a limit': ['alter table asset alter column name type varchar(255)', /"name" type text/],
  'json in place of jsonb': ['alter table audit_event alter column data type json', /"data" type jsonb/],
  'single precision': ['alter table price alter column close type real', /"close" type double precision/],
  'a column that takes null': ['alter table user_account alter column email drop not null', /"email" set not null/],
  'a column that takes no null': [
    'alter table webhook alter column rotated_at set not null',
    /"rotated_at" drop not null/,
  ],
  'a missing default': ['alter table account_profile alter column locale drop default', /"locale" set default 'en'/],
  'another default': [
    'alter table account_settings alter column decimal_places set default 5',
    /"decimal_places" set default 4/,
  ],
  'a default that is not declared': [`alter table webhook alter column url set default 'x'`, /"url" drop default/],
  'another primary key': [
    'alter table idempotency_key drop constraint idempotency_key_pkey, add primary key (subject, key_hash, owner)',
    /primary key \("subject", "key_hash"\)/,
  ],
  'a missing unique key': [
    'alter table user_account drop constraint user_account_email_unique',
    /"user_account_email_unique" unique \("email"\)/,
  ],
  'a missing foreign key': [
    'alter table refresh_family drop constraint refresh_family_user_id_foreign',
    /"refresh_family_user_id_foreign" foreign key \("user_id"\)/,
  ],
  'another rule of a foreign key': [
    `alter table pricing_chunk drop constraint pricing_chunk_job_id_foreign,
       add constraint pricing_chunk_job_id_foreign foreign key (job_id) references pricing_job (id)`,
    /"pricing_chunk_job_id_foreign".*on delete cascade/s,
  ],
  'a missing index': ['drop index webhook_owner_index', /create index "webhook_owner_index"/],
  'another order of an index': [
    'drop index webhook_owner_index; create index webhook_owner_index on webhook (owner_id, owner_kind, id)',
    /create index "webhook_owner_index" on "webhook" \("owner_kind", "owner_id", "id"\)/,
  ],
};

for (const [name, [statement, correction]] of Object.entries(differences)) {
  test(`the comparison of the entities with the schema finds ${name}`, async (t) => {
    const { url, query } = await setupDatabase(t);
    const database = await createDatabase({ ...databaseSettings(url), entities });
    t.teardown(() => database.close());
    t.is(await database.drift(), '');
    await query(statement);
    t.regex(await database.drift(), correction);
  });
}
