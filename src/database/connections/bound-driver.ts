import {
  isRaw,
  JsonProperty,
  Utils,
  type Configuration,
  type Dictionary,
  type EntityData,
  type AnyEntity,
  type QueryResult,
  type RawQueryFragment,
  type Transaction,
} from '@mikro-orm/core';
import { NativeQueryBuilder, PostgreSqlConnection, PostgreSqlDriver, raw } from '@mikro-orm/postgresql';
import { CompiledQuery, type Kysely } from 'kysely';

type Statement = string | NativeQueryBuilder | RawQueryFragment;
type Parameters = readonly unknown[] | Dictionary;
type Platform = Pick<ReturnType<PostgreSqlDriver['getPlatform']>, 'formatQuery' | 'quoteValue'>;

const isJson = (value: unknown): boolean =>
  Utils.isPlainObject(value) || (typeof value === 'object' && value !== null && JsonProperty in value);

const toParameter = (value: unknown): unknown => {
  if (isJson(value)) return JSON.stringify(value);
  return typeof value === 'bigint' ? String(value) : value;
};

/**
 * The statement with `$1`, `$2` in place of `?`. `platform` finds the placeholders; a copy of it answers with a number
 * where the original answers with a literal.
 */
const bind = (platform: Platform, text: string, parameters: unknown[]) => {
  const values: unknown[] = [];
  const numbering = Object.create(platform) as Platform;
  numbering.quoteValue = (value) => {
    if (isRaw(value)) return numbering.formatQuery(value.sql, value.params);
    // A list such as that of `in (?)`. Values of array columns arrive as text.
    if (Array.isArray(value) && !isJson(value)) return value.map((each) => numbering.quoteValue(each)).join(', ');
    return `$${values.push(toParameter(value))}`;
  };
  return { text: numbering.formatQuery(text, parameters), values };
};

/**
 * Sends values as parameters. The connection of MikroORM writes them into the text of the statement, and then they are
 * in spans, in the server log and in pg_stat_activity.
 */
class BoundConnection extends PostgreSqlConnection {
  override async execute<T extends QueryResult | EntityData<AnyEntity> | EntityData<AnyEntity>[]>(
    statement: Statement,
    parameters: Parameters = [],
    method: 'all' | 'get' | 'run' = 'all',
    transaction?: Transaction,
  ): Promise<T> {
    await this.ensureConnection();
    const built = statement instanceof NativeQueryBuilder ? statement.toRaw() : statement;
    // An object holds named parameters, which only `raw` understands.
    const plain =
      typeof built === 'string' && !Array.isArray(parameters) ? raw(built, parameters as Dictionary) : built;
    const { text, values } = isRaw(plain)
      ? bind(this.platform, plain.sql, plain.params)
      : bind(this.platform, plain, [...(parameters as readonly unknown[])]);
    const client = (transaction ?? this.getClient()) as Kysely<unknown>;
    return this.transformRawResult<T>(await client.executeQuery(CompiledQuery.raw(text, values)), method);
  }

  override stream(): never {
    throw new Error('A stream of MikroORM would write values into the text of the statement; use the unit of work');
  }
}

/** The driver of MikroORM, with connections that send values as parameters. */
export class BoundPostgreSqlDriver extends PostgreSqlDriver {
  protected override readonly connection: PostgreSqlConnection;

  constructor(config: Configuration) {
    super(config);
    this.connection = new BoundConnection(config);
  }
}
