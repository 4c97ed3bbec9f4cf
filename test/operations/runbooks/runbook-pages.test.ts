import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { logFilter } from '../../../scripts/verify/runbooks/log-query.ts';
import { readRunbook } from '../../../scripts/verify/runbooks/page.ts';
import { selectorsOf } from '../../../scripts/verify/runbooks/selectors.ts';
import { expected } from '../../../scripts/verify/runbooks/expected.ts';

type Dashboard = { readonly title: string; readonly panels: readonly { readonly title?: string }[] };

const folder = 'docs/runbooks';
const pages = readdirSync(folder)
  .filter((name) => /^[A-Z][a-z]/.test(name))
  .map((name) => [name, readRunbook(readFileSync(join(folder, name), 'utf8'))] as const);

const titles = new Set(
  readdirSync('dashboards').flatMap((name) => {
    const { title, panels } = JSON.parse(readFileSync(join('dashboards', name), 'utf8')) as Dashboard;
    return panels.map((panel) => `${title.replace(/^Volwatch \/ /, '')}: ${panel.title}`);
  }),
);

test('each panel that a runbook names exists', (t) => {
  t.true(pages.length > 35);
  for (const [name, { panels }] of pages) {
    t.true(panels.length > 0, name);
    for (const { dashboard, title } of panels)
      t.true(titles.has(`${dashboard}: ${title}`), `${name}: ${dashboard}: ${title}`);
  }
});

test('each log query of a runbook can be carried out, and each metric of the service is in the catalogue', (t) => {
  for (const [name, { logs, queries }] of pages) {
    for (const query of logs) t.notThrows(() => logFilter(query), name);
    for (const query of queries) {
      const own = query.match(/\b(?:volwatch|http_server|db_client)_\w+/g) ?? [];
      const known = new Set(selectorsOf(query).map(({ metric }) => metric));
      for (const metric of own) t.true(known.has(metric), `${name}: ${metric}`);
    }
  }
});

test('commands are written for an instance from source, and all of them have an expectation', (t) => {
  for (const [name, { commands }] of pages) {
    if (commands.length === 0) continue;
    t.notRegex(commands.join(''), /^docker compose /m, `${name}: commands are written for an instance from source`);
    t.true(name.replace('.md', '') in expected, `${name}: add what its commands show to expected.ts`);
  }
  for (const key of Object.keys(expected)) {
    const alert = key.split(':')[0]!;
    t.true((pages.find(([name]) => name === `${alert}.md`)?.[1].commands.length ?? 0) > 0, alert);
  }
});
