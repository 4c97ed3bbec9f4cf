import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const onPath = (): readonly string[] => (process.env['PATH'] ?? '').split(delimiter).filter((each) => each !== '');

/** Debian has it in a directory of administrators, which is not on the PATH of all accounts. */
export const findPgBouncer = (): string | undefined =>
  [...onPath(), '/usr/sbin', '/usr/local/sbin'].map((path) => join(path, 'pgbouncer')).find((path) => existsSync(path));

export type PostgresPrograms = { readonly initdb: string; readonly postgres: string };

/** The PostgreSQL of the system. Debian keeps each version in a directory of its own, which is not on the PATH. */
export const findSystemPostgres = (): PostgresPrograms | undefined => {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : [];
  const found = [...versions, ...onPath()].find(
    (path) => existsSync(join(path, 'initdb')) && existsSync(join(path, 'postgres')),
  );
  return found === undefined ? undefined : { initdb: join(found, 'initdb'), postgres: join(found, 'postgres') };
};
