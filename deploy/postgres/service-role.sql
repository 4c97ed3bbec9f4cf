-- Grants the role of the service what it needs: it reads and writes, owns no table, and so cannot disable the triggers of
-- the audit trail. `volwatch db migrate --service-role NAME` runs this file after the migrations, as the owner of the tables.
-- The same by hand, again after each later migration:
--   psql "$OWNER_URL" -c "set volwatch.service_role = 'volwatch_service'" -f deploy/postgres/service-role.sql
-- The role must exist: create role volwatch_service login password '...';
do $$
declare
  service text := current_setting('volwatch.service_role');
  tables text := current_schema();
  cycling regclass;
begin
  -- Two migrations at the same time must not change the same rights. The migrations take this lock too.
  perform pg_advisory_xact_lock(hashtext('volwatch'), hashtext('migrations'));
  if not exists (select from pg_roles where rolname = service) then
    raise exception 'The role "%" does not exist: create it first', service using errcode = 'undefined_object';
  end if;
  -- True for the owner itself, for its members and for superusers. The revokes below would stop the owner's next migration,
  -- and restrict none of the others.
  if pg_has_role(service, current_user, 'member') then
    raise exception 'The role "%" has the rights of the owner "%": the service needs a role without them', service, current_user
      using errcode = 'invalid_grant_operation';
  end if;
  execute format('grant usage on schema %I to %I', tables, service);
  execute format('grant select, insert, update, delete on all tables in schema %I to %I', tables, service);
  execute format('grant usage on all sequences in schema %I to %I', tables, service);
  -- When the ids of such a sequence begin anew, the service reads its position and sets it behind the used ids.
  for cycling in
    select seqrelid from pg_sequence join pg_class on oid = seqrelid where seqcycle and relnamespace = quote_ident(tables)::regnamespace
  loop
    execute format('grant select, update on sequence %s to %I', cycling, service);
  end loop;
  execute format('revoke insert, update, delete on schema_migrations from %I', service);
  execute format('revoke update, delete on audit_event from %I', service);
  execute format('revoke delete on audit_stream from %I', service);
  -- The job queue makes and owns its tables in a schema of its own.
  execute format('grant create on database %I to %I', current_database(), service);
end
$$;
