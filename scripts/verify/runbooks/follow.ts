import { readFileSync } from 'node:fs';
import { isTrueWithin } from '#testkit/eventually.ts';
import { call, client } from '#testkit/running-service.ts';
import { filledIn, hasNumber, readDashboards } from '../around/panel-queries.ts';
import { repeatedly } from '../around/repeatedly.ts';
import type { Around, Scenario } from '../around/scenario.ts';
import type { Prometheus } from '../prometheus.ts';
import type { Stack } from '../stack.ts';
import { runCommands } from './commands.ts';
import { expected, keyOf } from './expected.ts';
import { logFilter } from './log-query.ts';
import { readRunbook, type RunbookPage } from './page.ts';

export type Place = {
  readonly stack: Stack;
  readonly around: Around;
  readonly prometheus: Prometheus;
  readonly token: string;
};

export type Followed = {
  readonly scenario: Scenario;
  readonly page: RunbookPage;
  /** What the page names and the run did not find. Empty if the page worked. */
  readonly faults: readonly string[];
};

const signalMs = 30_000;
const calmMs = 10_000;

/** The addresses and names of the page, as they are here. */
const here = (block: string, { stack: { service }, around, prometheus }: Place, name: string): string =>
  block
    .replaceAll('127.0.0.1:3000', new URL(service.url).host)
    .replaceAll('127.0.0.1:9464', new URL(service.adminUrl).host)
    .replaceAll('127.0.0.1:8080', around.proxyAddress)
    .replaceAll('127.0.0.1:9090', new URL(prometheus.url).host)
    .replaceAll('127.0.0.1:9093', around.alertmanager.address)
    .replaceAll('NAME', name);

const targets = new Map(
  readDashboards().flatMap(({ title, panels }) =>
    panels.map((panel) => [`${title.replace(/^Volwatch \/ /, '')}: ${panel.title}`, panel.targets ?? []] as const),
  ),
);

/** What the page names and is not there yet. `from` is the line of the log at the fault, `start` the second of the fault. */
const missingSignals = async (page: RunbookPage, place: Place, from: number, start: number): Promise<string[]> => {
  const lines = place.stack.service.log.slice(from);
  const hasSeries = async (query: string): Promise<boolean> =>
    (await place.prometheus.range(filledIn(query), start)).some(hasNumber);
  const missing =
    page.logs.length === 0 || page.logs.some((query) => lines.some(logFilter(query)))
      ? []
      : [`no line of ${page.logs.join(' or ')}`];
  for (const query of page.queries) if (!(await hasSeries(query))) missing.push(`no series of ${query}`);
  for (const { dashboard, title } of page.panels) {
    const found = await Promise.all((targets.get(`${dashboard}: ${title}`) ?? []).map(({ expr }) => hasSeries(expr)));
    if (!found.includes(true)) missing.push(`the panel "${title}" of ${dashboard} is empty`);
  }
  return missing;
};

const isHealthy = async ({ service }: Stack): Promise<boolean> =>
  (await call(`${service.url}/health`)).body['status'] === 'ok';

/** Causes the fault, carries out the page, and ends the fault. */
export const follow = async (scenario: Scenario, place: Place): Promise<Followed> => {
  const { stack, around, token } = place;
  const { alert, meet, recover, isSilent } = scenario;
  const page = readRunbook(readFileSync(`docs/runbooks/${alert}.md`, 'utf8'));
  const { shows = [], answers = [], name = '', remedy } = expected[keyOf(scenario)] ?? {};
  const patterns = [...shows, ...answers];
  const environment = {
    DATABASE_URL: stack.primaryUrl,
    REDIS_URL: stack.redis.url,
    TOKEN: token,
    BOOTSTRAP_CLIENT_ID: client.id,
    BOOTSTRAP_CLIENT_SECRET: client.secret,
  };
  // What the fault before has left is over first, so that this one is seen from its beginning.
  await isTrueWithin(() => isHealthy(stack), calmMs, 300);
  const from = isSilent ? 0 : stack.service.log.length;
  const start = Date.now() / 1_000;
  await scenario.inject(stack, around);
  const stop = meet ? repeatedly(() => meet(stack, token), 100) : async () => {};
  let missing: readonly string[] = [];
  // A stopped process writes no line.
  if (alert !== 'InstanceDown') {
    const isThere = async (): Promise<boolean> => {
      missing = await missingSignals(page, place, from, start);
      return missing.length === 0;
    };
    await isTrueWithin(isThere, signalMs, 300);
  }
  let output = '';
  const wrong = new Set<string>();
  const run = async (): Promise<boolean> => {
    output = '';
    for (const block of page.commands) {
      const ran = await runCommands(here(block, place, name), environment);
      output += ran.output;
      for (const each of ran.faults) wrong.add(each);
    }
    return patterns.every((each) => each.test(output));
  };
  // A command that shows state of the last seconds may come too early, so it is repeated.
  const isShown = page.commands.length === 0 || (await isTrueWithin(run, signalMs, 500));
  const remains: string[] = [];
  if (remedy) {
    const ran = await runCommands(remedy.command(output), environment);
    if (!(await isTrueWithin(() => remedy.isOver(stack), signalMs, 300))) {
      remains.push(`the fault goes on after the remedy: ${ran.output}`);
    }
  }
  await stop();
  await scenario.end(stack, around);
  if (recover) await recover(stack, token);
  const absent = isShown
    ? []
    : patterns.filter((each) => !each.test(output)).map((each) => `the commands show no ${each}`);
  if (!isShown) console.error(output.slice(0, 3_000));
  if (missing.length > 0) {
    console.error([...new Set(stack.service.log.slice(from).map(({ message }) => message))].join('\n'));
  }
  return { scenario, page, faults: [...missing, ...wrong, ...absent, ...remains] };
};
