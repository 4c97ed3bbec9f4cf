-- A role to run the service with: it reads and writes, owns no table, and so cannot disable the triggers of the audit trail.
-- Run by the owner of the tables, after `npm run db:migrate` as that owner, and again after each later migration:
--   psql "$OWNER_URL" -v role=volwatch_service -f deploy/postgres/service-role.sql
-- The role itself is made beforehand, with a password of its own: create role volwatch_service login password '...';
grant usage on schema public to :"role";
grant select, insert, update, delete on all tables in schema public to :"role";
grant usage on all sequences in schema public to :"role";
revoke insert, update, delete on schema_migrations from :"role";
revoke update, delete on audit_event from :"role";
revoke delete on audit_stream from :"role";
-- The job queue makes and owns its tables in a schema of its own.
select format('grant create on database %I to %I', current_database(), :'role') \gexec
