import test from 'ava';
import {
  alertFaults,
  completenessFaults,
  faultPointFaults,
  metricFaults,
  modelFaults,
  variableFaults,
} from '../../scripts/check/completeness.ts';
import { findCircles, shortestCircles, readImportGraph, type ImportGraph } from '../../scripts/check/import-graph.ts';
import { importFaults } from '../../scripts/check/imports.ts';
import { mixedFaults, readFaults } from '../../scripts/check/code/reads.ts';
import { sqlFaults } from '../../scripts/check/code/sql-reasons.ts';

const graph = (edges: Readonly<Record<string, readonly string[]>>): ImportGraph => new Map(Object.entries(edges));

test('the repository has no fault of completeness and no forbidden import', (t) => {
  t.deepEqual(completenessFaults(), []);
  const real = readImportGraph();
  t.true(real.size > 500, 'the graph was read');
  t.true(real.get('src/main.ts')?.includes('src/compose/index.ts'), 'an import of the entry file is seen');
  t.deepEqual(importFaults(real), []);
});

test('a fault point without a chaos cell names the file to add one to', (t) => {
  t.deepEqual(faultPointFaults(['cache.read', 'forged.point'], [{ faultPoint: 'cache.read' }, {}]), [
    'The fault point forged.point has no chaos cell: add one to load/chaos/cells/fault-points.ts.',
  ]);
});

test('a file of reads that changes something names the file to move it to', (t) => {
  t.deepEqual(readFaults(), []);
  t.deepEqual(
    readFaults(['src/a/b-reads.ts', 'src/a/c-reads.ts'], (file) =>
      file.includes('b-') ? 'unitOfWork: UnitOfWork' : 'reader: Reader',
    ),
    ['src/a/b-reads.ts uses a unit of work: move the change to src/a/b-changes.ts.'],
  );
});

test('a file of accounts, auth or webhooks that reads and changes names the file to move the reads to', (t) => {
  t.deepEqual(mixedFaults(), []);
  const texts: Readonly<Record<string, string>> = {
    'src/auth/both.ts': 'readonly reader: Reader; readonly unitOfWork: UnitOfWork;',
    'src/auth/passed-on.ts': 'createBoth(deps); deps.reader.query(sql); deps.unitOfWork.run(options, work);',
    'src/auth/joins.ts': 'reader.query(sql); const change = (transaction: Transaction) => work(transaction);',
    'src/auth/key-reads.ts': 'readonly reader: Reader;',
    'src/auth/key-changes.ts': '/** The reader of the room. */ unitOfWork: UnitOfWork;\n// Not a reader.',
    'src/auth/composed.ts': 'reader: Reader; unitOfWork: UnitOfWork;',
  };
  const faults = mixedFaults(Object.keys(texts), (file) => texts[file]!, {
    'src/auth/composed.ts': 'composes',
    'src/auth/key-reads.ts': 'is not mixed',
  });
  t.deepEqual(faults, [
    'src/auth/both.ts reads and changes: move the reads to src/auth/both-reads.ts.',
    'src/auth/passed-on.ts reads and changes: move the reads to src/auth/passed-on-reads.ts.',
    'src/auth/joins.ts reads and changes: move the reads to src/auth/joins-reads.ts.',
    'src/auth/key-reads.ts does not read and change: remove its exception from scripts/check/code/reads.ts.',
  ]);
});

test('a file that writes with SQL and gives no reason is named', (t) => {
  t.deepEqual(sqlFaults(), []);
  const statement = 'query(`update asset set name = $1`)';
  const texts: Readonly<Record<string, string>> = {
    'src/reason.ts': `// SQL: one statement changes all assets.\n${statement}`,
    'src/because.ts': `/** This is SQL, because a row needs not be read. */\n${statement}`,
    'src/read.ts': '/** How to update a set. */ query(`select 1 from asset for update`)',
    'src/word.ts': `// The SQL of assets\n${statement}`,
    'src/next-line.ts': 'const text = `\n  insert into asset (name)\n  values ($1)`',
    'src/alias.ts': 'query(`update asset as one set name = $1`)',
    'src/inner.ts': 'query(`with gone as (delete from ${table} returning 1) select 1`)',
  };
  t.deepEqual(
    sqlFaults(Object.keys(texts), (file) => texts[file]!).map((fault) => fault.split(' ')[0]),
    ['src/word.ts', 'src/next-line.ts', 'src/alias.ts', 'src/inner.ts'],
  );
});

test('a metric without a panel names the files to add one to', (t) => {
  const expressions = ['rate(volwatch_shown_seconds_bucket{}[5m])'];
  t.deepEqual(metricFaults(['volwatch_shown_seconds', 'volwatch_shown'], expressions, {}), [
    'The metric volwatch_shown is on no panel: add one to the dashboard of its subject, for example scripts/generate/dashboards/overview.ts, or a reason to scripts/check/completeness.ts.',
  ]);
});

test('an exception for a metric that is shown, or is gone, must be removed', (t) => {
  const faults = metricFaults(['volwatch_shown'], ['volwatch_shown{}'], { volwatch_shown: 'x', volwatch_gone: 'x' });
  t.deepEqual(faults, [
    'volwatch_shown needs no exception: remove it from scripts/check/completeness.ts.',
    'volwatch_gone needs no exception: remove it from scripts/check/completeness.ts.',
  ]);
});

test('an alert without a runbook or a rehearsed cause names the file to add', (t) => {
  t.deepEqual(alertFaults(['InstanceDown', 'Forged'], ['InstanceDown']), [
    'The alert Forged has no runbook: add docs/runbooks/Forged.md and its row in docs/runbooks/README.md.',
    'The alert Forged has no rehearsed cause: add one to scripts/verify/scenarios.ts.',
  ]);
});

test('a pricing model without documentation names the page', (t) => {
  t.deepEqual(modelFaults(['black76', 'forged']), [
    'The model forged is not in the table of docs/pricing.md: add a row there.',
  ]);
});

test('a configuration variable that no code reads names the folder that must pass it on', (t) => {
  t.deepEqual(variableFaults(['PORT', 'FORGED'], 'listen(config.PORT)'), [
    'The variable FORGED is not used: pass config.FORGED as a dependency in src/compose/.',
  ]);
});

const forbidden: readonly [string, string, RegExp][] = [
  ['src/pricing/pricing-service.ts', 'src/database/index.ts', /pricing may import kernel.*src\/compose\//],
  ['src/kernel/ids.ts', 'src/config/index.ts', /kernel may import no other room/],
  ['src/compose/compose.ts', 'src/auth/keys/key-ring.ts', /stands in src\/auth\/index\.ts/],
  ['src/forged/forged.ts', 'src/kernel/ids.ts', /add it to scripts\/check\/rooms\.ts/],
  ['src/main.ts', 'testkit/eventually.ts', /src\/ may import src/],
  ['load/report.ts', 'test/http/support.ts', /Move what both need to testkit\//],
];

for (const [from, to, message] of forbidden) {
  test(`an import of ${to} by ${from} is refused with what to do`, (t) => {
    const faults = importFaults(graph({ [from]: [to] }));
    t.is(faults.length, 1);
    t.regex(faults[0]!, /^src\/forged is not|^\S+ imports \S+: /);
    t.regex(faults[0]!, message);
  });
}

test('a circle names its files in order', (t) => {
  const circle = {
    'src/auth/a.ts': ['src/auth/b.ts'],
    'src/auth/b.ts': ['src/auth/c.ts'],
    'src/auth/c.ts': ['src/auth/a.ts'],
  };
  t.deepEqual(importFaults(graph(circle)), [
    'A circle of imports: src/auth/a.ts -> src/auth/b.ts -> src/auth/c.ts -> src/auth/a.ts. Move what both sides need into a file that imports neither.',
  ]);
  const circles = findCircles(graph({ a: ['b'], b: ['c'], c: ['a', 'b'] }));
  t.is(circles.length, 2);
  t.deepEqual(shortestCircles(circles), [['b', 'c', 'b']], 'both circles have the import of c by b');
  t.deepEqual(findCircles(graph({ a: ['b', 'c'], b: ['c'], c: [] })), [], 'two ways to one file are no circle');
});
