/**
 * Follows the runbooks during their faults: causes the fault on the live service, runs the commands of the page in a shell
 * as they are written, and looks for what the page names: log lines and series. `--write` writes the result to
 * docs/runbooks/followed.md. With alert names only these runbooks are followed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isTrueWithin } from '#testkit/eventually.ts';
import { call, client, scrape, takeToken } from '#testkit/running-service.ts';
import { notice, table } from '../../generate/markdown.ts';
import { repeatedly } from '../around/repeatedly.ts';
import type { Scenario } from '../around/scenario.ts';
import { scenariosAround } from '../around/scenarios-around.ts';
import { scenarios } from '../scenarios.ts';
import { withScope } from '../scope.ts';
import { startStack, type Stack } from '../stack.ts';
import { quietRound } from '../traffic.ts';
import { runCommands } from './commands.ts';
import { expected } from './expected.ts';
import { logFilter } from './log-query.ts';
import { readRunbook, type RunbookPage } from './page.ts';
import { isSelected, selectorsOf } from './selectors.ts';

type Followed = {
  readonly alert: string;
  readonly fault: string;
  readonly page: RunbookPage;
  readonly faults: readonly string[];
};

const signalMs = 30_000;
const calmMs = 10_000;

/** The addresses and names of the page, as they are here. */
const here = (block: string, { service }: Stack, name: string): string =>
  block
    .replaceAll('127.0.0.1:3000', new URL(service.url).host)
    .replaceAll('127.0.0.1:9464', new URL(service.adminUrl).host)
    .replaceAll('NAME', name);

/** What the page names and is not there yet. */
const missingSignals = async (page: RunbookPage, stack: Stack, from: number): Promise<string[]> => {
  const lines = stack.service.log.slice(from);
  const logs = page.logs.length === 0 || page.logs.some((query) => lines.some(logFilter(query)));
  const exposition = await scrape(stack.service).catch(() => '');
  const series = page.queries
    .flatMap(selectorsOf)
    .filter((selector) => !isSelected(exposition, selector))
    .map(({ metric, matchers }) => `no series ${metric}{${matchers}}`);
  return [...(logs ? [] : [`no line of ${page.logs.join(' or ')}`]), ...series];
};

const isHealthy = async ({ service }: Stack): Promise<boolean> =>
  (await call(`${service.url}/health`)).body['status'] === 'ok';

const follow = async (scenario: Scenario, stack: Stack, token: string): Promise<Followed> => {
  const { alert, fault, meet } = scenario;
  const page = readRunbook(readFileSync(`docs/runbooks/${alert}.md`, 'utf8'));
  const { shows = [], answers = [], name = '', isSilent } = expected[alert] ?? {};
  const patterns = [...shows, ...answers];
  // What the fault before has left is over first, so that this one is seen from its beginning.
  await isTrueWithin(() => isHealthy(stack), calmMs, 300);
  const from = isSilent ? 0 : stack.service.log.length;
  // The scenarios of the service do not use what stands around it.
  await scenario.inject(stack, undefined as never);
  const stop = meet ? repeatedly(() => meet(stack, token), 100) : async () => {};
  const environment = {
    DATABASE_URL: stack.primaryUrl,
    REDIS_URL: stack.redis.url,
    TOKEN: token,
    BOOTSTRAP_CLIENT_ID: client.id,
    BOOTSTRAP_CLIENT_SECRET: client.secret,
  };
  const isStopped = alert === 'InstanceDown';
  let missing: readonly string[] = [];
  if (!isStopped) {
    const isThere = async (): Promise<boolean> => (missing = await missingSignals(page, stack, from)).length === 0;
    await isTrueWithin(isThere, signalMs, 300);
  }
  let output = '';
  const wrong = new Set<string>();
  const run = async (): Promise<boolean> => {
    output = '';
    for (const block of page.commands) {
      const ran = await runCommands(here(block, stack, name), environment);
      output += ran.output;
      for (const each of ran.faults) wrong.add(each);
    }
    return patterns.every((each) => each.test(output));
  };
  // A command that shows state of the last seconds may come too early, so it is repeated.
  const isShown = page.commands.length === 0 || (await isTrueWithin(run, signalMs, 500));
  await stop();
  await scenario.end(stack, undefined as never);
  const { recover } = scenario;
  if (recover) await recover(stack, token);
  const absent = isShown
    ? []
    : patterns.filter((each) => !each.test(output)).map((each) => `the commands show no ${each}`);
  if (!isShown) console.error(output.slice(0, 3_000));
  if (missing.length > 0) {
    console.error([...new Set(stack.service.log.slice(from).map(({ message }) => message))].join('\n'));
  }
  return { alert, fault, page, faults: [...missing, ...wrong, ...absent] };
};

const rowOf = ({ alert, fault, page, faults }: Followed): string[] => [
  `[${alert}](${alert}.md)`,
  fault,
  String(
    page.commands
      .join('')
      .split('\n')
      .filter((line) => line.trim() !== '').length,
  ),
  faults.length === 0 ? ['as written', expected[alert]?.note ?? []].flat().join('; ') : faults.join('; '),
];

const pageOf = (
  followed: readonly Followed[],
): string => `${notice('a live run').replace('npm run generate', 'npm run runbooks:verify -- --write')}
# Runbooks that were followed

On ${new Date().toISOString().slice(0, 10)} each of these faults was made to happen on the live service, started from source, and the
runbook was followed: its commands ran in a shell as they are written, with the addresses of the run, and had to show what a
healthy service does not show, unless the last column says otherwise; its log query had to find a line, and its query of
Prometheus a series in \`/metrics\`. What the page says to do outside of its commands, for example to start Redis again, ended
the fault.

${table(['runbook', 'fault', 'commands', 'worked'], followed.map(rowOf))}
`;

await withScope(async (scope) => {
  const stack = await startStack(scope, { OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
  const token = await takeToken(stack.service);
  const stopTraffic = repeatedly(() => quietRound(stack), 300);
  const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
  const followed: Followed[] = [];
  for (const scenario of scenarios) {
    if (scenariosAround.includes(scenario) || (wanted.length > 0 && !wanted.includes(scenario.alert))) continue;
    const result = await follow(scenario, stack, token);
    followed.push(result);
    console.log(rowOf(result).join(' | '));
  }
  await stopTraffic();
  if (process.argv.includes('--write')) writeFileSync('docs/runbooks/followed.md', pageOf(followed));
  return followed.every(({ faults }) => faults.length === 0);
});
