import { Kysely, PostgresDialect } from 'kysely';
import type { QueryResult } from 'pg';

type KyselyConnection = {
  readonly query: (text: string, parameters: readonly unknown[]) => Promise<QueryResult>;
  readonly release: () => void;
};

/** A Kysely, as MikroORM needs it, whose statements run on connections of this service's own pool. */
export const kyselyOn = (connect: () => Promise<KyselyConnection>): Kysely<unknown> => {
  // Kysely calls only connect(), query(text, parameters) and release(); its pool type has more members.
  const pool = { connect, end: async () => {}, options: {} } as unknown as ConstructorParameters<
    typeof PostgresDialect
  >[0]['pool'];
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
};
