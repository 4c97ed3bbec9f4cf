import { raw, type EntityManager, type EntityName } from '@mikro-orm/postgresql';
import test, { type ExecutionContext } from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { LogFields } from '#src/kernel/ports/logger.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { captureSpans } from '#testkit/spans.ts';

const operation = 'retention';
const canary = `canary-'"\\?$1-7f3a9c51e2`;
const number = 1_987_654_321;
/** The forms in which the values of each round would stand in a statement, a log line or a span. */
const traces = [
  '7f3a9c51e2',
  Buffer.from(canary).toString('hex'),
  [...Buffer.from('7f3a9c51e2')].join(','),
  String(number).slice(0, -2),
  '2031-07-1',
  '8e29a1c4',
];

/** The JSON of an error is empty without this. */
const withErrors = (_: string, value: unknown): unknown =>
  value instanceof Error
    ? Object.assign({}, value, { message: value.message, stack: value.stack, cause: value.cause })
    : value;

/** A database whose pool logs the text of every statement. `shown` is the text of all log lines and spans. */
const watched = async (t: ExecutionContext) => {
  const { url } = await setupDatabase(t);
  const spans = captureSpans(t);
  const statements: string[] = [];
  const lines: string[] = [];
  const note = (fields: LogFields, message: string): void => {
    lines.push(JSON.stringify([fields, message], withErrors));
    if (typeof fields['statement'] === 'string') statements.push(fields['statement']);
  };
  const database = await createDatabase({
    ...databaseSettings(url),
    entities,
    logger: { debug: note, info: note, warn: note, error: note },
    slow: { afterMs: -1, describe: (statement) => statement },
  });
  t.teardown(() => database.close());
  const shown = (): string[] => [
    ...lines,
    ...spans
      .all()
      .map(({ name, attributes, events, links, status }) =>
        JSON.stringify({ name, attributes, events, links, status }),
      ),
  ];
  return { ...database, statements, spans, shown };
};

/** No log line and no span has a value. */
const assertNothingShown = (t: ExecutionContext, shown: readonly string[]): void => {
  for (const trace of traces)
    t.deepEqual(
      shown.filter((each) => each.includes(trace)),
      [],
      trace,
    );
};

type Property = {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly columnTypes: readonly [string];
  readonly primary?: boolean;
};
type Entity = Record<string, unknown>;

const propertiesOf = (em: EntityManager, name: string): readonly Property[] =>
  em.getMetadata().getByClassName<Entity>(name).props as unknown as readonly Property[];

const valuesOf: Readonly<Record<string, (round: number) => unknown>> = {
  uuid: (round) => `8e29a1c4-0000-7000-8000-00000000000${round}`,
  text: (round) => `${canary} ${round}`,
  'text[]': (round) => [canary, `${canary} ${round}`],
  bytea: (round) => Buffer.from(`${canary} ${round}`),
  jsonb: (round) => ({ canary, round }),
  boolean: (round) => round === 1,
  date: (round) => `2031-07-1${6 + round}`,
  int: (round) => number + round,
  bigint: (round) => BigInt(number + round),
  'double precision': (round) => number + round / 4,
  timestamptz: (round) => new Date(Date.UTC(2031, 6, 17, 11, 12, 13, round)),
};
const valueOf = ({ columnTypes: [type] }: Property, round: number): unknown =>
  valuesOf[type.replace(/\(\d\)$/, '')]!(round);

/** Makes an entity with the entities that it refers to. */
const create = (em: EntityManager, name: string): Entity => {
  const data = propertiesOf(em, name).map((property) => [
    property.name,
    property.kind === 'scalar' ? valueOf(property, 1) : create(em, property.type),
  ]);
  const known = em.getUnitOfWork().getPersistStack();
  const same = [...known].find((each) => each.constructor.name === name);
  return (
    (same as Entity | undefined) ?? em.create<Entity>(name as unknown as EntityName<Entity>, Object.fromEntries(data))
  );
};

// Triggers refuse changes of the audit trail. It is written with SQL only.
for (const { meta } of entities.filter((each) => !each.meta.tableName.startsWith('audit_'))) {
  const name = meta.className;
  const entityName = name as unknown as EntityName<Entity>;

  test.serial(
    `${meta.tableName}: a managed write is stored as it is, and none of its values is in a statement`,
    async (t) => {
      const { unitOfWork, statements, spans, shown } = await watched(t);
      const written = await unitOfWork.run({ operation }, async ({ em }) => {
        const entity = create(em, name);
        await em.flush();
        return em.getComparator().prepareEntity(entity);
      });
      const properties = await unitOfWork.run({ operation }, async ({ em }) => propertiesOf(em, name));
      const key = Object.fromEntries(
        properties.flatMap((each) => (each.primary ? [[each.name, written[each.name]]] : [])),
      );
      const changed = properties.filter(({ primary, kind }) => !primary && kind === 'scalar');

      for (const round of [1, 2]) {
        await unitOfWork.run({ operation }, async ({ em }) => {
          const found = await em.findOneOrFail(entityName, key);
          for (const each of changed) {
            t.deepEqual(found[each.name], valueOf(each, round), each.name);
            found[each.name] = valueOf(each, round + 1);
          }
        });
      }
      await unitOfWork.run({ operation }, async ({ em }) => em.remove(await em.findOneOrFail(entityName, key)));
      t.is(await unitOfWork.run({ operation }, ({ em }) => em.count(entityName)), 0);

      const again = Object.fromEntries(
        properties.map((each) => [each.name, each.kind === 'scalar' ? valueOf(each, 1) : written[each.name]]),
      );
      // The first one inserts, the second one finds the row.
      for (let times = 0; times < 2; times += 1) {
        await unitOfWork.run({ operation }, ({ em }) => em.upsert(entityName, again));
        t.is(await unitOfWork.run({ operation }, ({ em }) => em.count(entityName)), 1);
      }
      t.is(await unitOfWork.run({ operation }, ({ em }) => em.nativeDelete(entityName, key)), 1);

      const verbs = ['insert into', 'delete from', ...(changed.length > 0 ? ['update'] : [])];
      for (const verb of verbs)
        t.true(
          statements.some((each) => each.startsWith(`${verb} "${meta.tableName}"`)),
          verb,
        );
      t.true(
        statements.some((each) => each.includes('on conflict')),
        'upsert',
      );
      t.true(spans.named(`db.transaction ${operation}`).length >= 6);
      assertNothingShown(t, shown());
    },
  );
}

test.serial('lists, JSON, raw SQL and named parameters are bound too', async (t) => {
  const { unitOfWork, statements, shown } = await watched(t);
  await unitOfWork.run({ operation }, async ({ em }) => {
    const name = 'Asset' as unknown as EntityName<Entity>;
    await em.find(name, { symbol: [canary, `${canary} 2`] });
    await em.find(name, { name: raw('lower(?)', [canary]) });
    t.deepEqual(await em.execute('select ?::jsonb as value', [{ canary }]), [{ value: { canary } }]);
    t.deepEqual(await em.execute('select :text::text as value', { text: canary } as never), [{ value: canary }]);
    t.deepEqual(await em.execute(`select '\\?' as mark, ?::bigint as value`, [12n]), [{ mark: '?', value: '12' }]);
  });
  t.true(statements.some((each) => each.includes('in ($1, $2)')));
  assertNothingShown(t, shown());
});

test.serial('a refused write leaves no value in a log line or a span', async (t) => {
  const { unitOfWork, spans, shown } = await watched(t);
  const write = unitOfWork.run({ operation }, async ({ em }) => {
    create(em, 'Asset');
    await em.flush();
    em.clear();
    create(em, 'Asset');
  });
  await t.throwsAsync(write);
  t.is(spans.named(`db.transaction ${operation}`).length, 1);
  assertNothingShown(t, shown());
});

test.serial('a value that PostgreSQL refuses is a fault of the request, also in a flush', async (t) => {
  const { unitOfWork } = await watched(t);
  const write = unitOfWork.run({ operation }, async ({ em }) => {
    create(em, 'Asset')['name'] = 'a\u0000b';
  });
  t.is(codeOf(await t.throwsAsync(write)), 'validation_failed');
});
