import test from 'ava';
import { header, setupUploads } from '../setup.ts';

/** What the server says when it cannot extend a file. */
const diskFull = `create function disk_full() returns trigger language plpgsql as $$
  begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`;

/** The staging table is made in the transaction of the upload, so its trigger is made right after it. */
const whenStaged = [
  `create function fill_disk() returns event_trigger language plpgsql as $$
   begin
     if to_regclass('pg_temp.upload_row') is not null then
       create trigger disk_full before insert on pg_temp.upload_row for each row
         when (new.close = 103) execute function public.disk_full();
     end if;
   end $$`,
  `create event trigger fill_disk on ddl_command_end when tag in ('CREATE TABLE') execute function fill_disk()`,
];
const beforeInsert = (table: string): string[] => [
  `create trigger disk_full before insert on ${table} for each row execute function disk_full()`,
];

/** Where the disk is full when half of the file is there. */
const places = {
  'the COPY of the file': whenStaged,
  'the prices': beforeInsert('price'),
  'the splits and dividends': beforeInsert('corporate_actions'),
  'the index values': beforeInsert('index_value'),
};

const file = `symbol,date,close,dividend\nAAA,2024-01-03,102,\nAAA,2024-01-04,103,0.5\nBBB,2024-01-03,52,\n`;

for (const [place, statements] of Object.entries(places)) {
  test.serial(
    `a disk that is full at ${place} changes nothing, and the upload succeeds when there is space`,
    async (t) => {
      const { send, contents, admin, metrics } = await setupUploads(t);
      t.is((await send(`${header}AAA,2024-01-02,100\nBBB,2024-01-02,50\n`)).status, 200);
      const before = await contents();
      for (const statement of [diskFull, ...statements]) await admin.query(statement);
      const failed = await send(file);
      t.is(failed.status, 503, JSON.stringify(failed.body));
      t.is(failed.body['code'], 'database_unavailable');
      t.like(failed.body['refresh'], { reason: 'database_unavailable', rows_written: 0 });
      t.is(await contents(), before);
      t.is(metrics.value('volwatch_uploads_total', { universe: 'desk', outcome: 'failed' }), 1);
      await admin.query('drop event trigger if exists fill_disk');
      await admin.query('drop function disk_full() cascade');
      const repeated = await send(file);
      t.like(repeated.body, { status: 'succeeded', rows_written: 3 }, JSON.stringify(repeated.body));
    },
  );
}
