/**
 * Follows the runbooks during their faults: causes the fault on the live service, runs the commands of the page in a shell
 * as they are written, and looks for what the page names: panels with data, log lines and series. `--write` writes the
 * result to docs/runbooks/followed.md. With alert names only these runbooks are followed, and the other rows stay.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { notice, table } from '../../generate/markdown.ts';
import { silencedWatchdog } from '../around/silenced-watchdog.ts';
import { startWatchedStack } from '../around/watched-stack.ts';
import { scenarios } from '../scenarios.ts';
import { withScope } from '../scope.ts';
import { expected, keyOf } from './expected.ts';
import { follow, type Followed } from './follow.ts';

const file = 'docs/runbooks/followed.md';
const today = new Date().toISOString().slice(0, 10);
const all = [...scenarios, silencedWatchdog()];
const isRow = (line: string): boolean => line.startsWith('| [');
const cellsOf = (line: string): string[] => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, ''));

const rowOf = ({ scenario, page, faults }: Followed): string[] => {
  const { note } = expected[keyOf(scenario)] ?? {};
  const lines = page.commands.join('').split('\n');
  return [
    `[${scenario.alert}](${scenario.alert}.md)`,
    scenario.fault,
    today,
    String(lines.filter((line) => line.trim() !== '').length),
    faults.length === 0 ? ['as written', note ?? []].flat().join('; ') : faults.join('; '),
  ];
};

/** The rows of this run in place of the earlier ones of the same fault, in the order of the scenarios. */
const rowsOf = (followed: readonly Followed[]): string[][] => {
  const fresh = followed.map(rowOf);
  const earlier = readFileSync(file, 'utf8').split('\n').filter(isRow).map(cellsOf);
  return all.flatMap(({ alert, fault }) => {
    const found = [...fresh, ...earlier].find(([name, cause]) => name === `[${alert}](${alert}.md)` && cause === fault);
    return found ? [found] : [];
  });
};

const pageOf = (
  followed: readonly Followed[],
): string => `${notice('a live run').replace('npm run generate', 'npm run runbooks:verify -- --write')}
# Runbooks that were followed

Each of these faults was made to happen on the live service, started from source, behind a proxy,
with Prometheus and Alertmanager, and the runbook was followed: its commands ran in a shell as they are written, with the
addresses of the run, and had to show what a healthy service does not show, unless the last column says otherwise; its log query
had to find a line, its query of Prometheus a series, and each panel that it names had to show data. What the page says to do
outside of its commands, for example to start Redis again, ended the fault. Where the log is that of a container
(\`docker compose logs\`), it was not read.

${table(['runbook', 'fault', 'on', 'commands', 'worked'], rowsOf(followed))}
`;

await withScope(async (scope) => {
  const { stopTraffic, ...place } = await startWatchedStack(scope, 300);
  const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
  const followed: Followed[] = [];
  for (const scenario of all) {
    if (wanted.length > 0 && !wanted.includes(scenario.alert)) continue;
    const result = await follow(scenario, place);
    followed.push(result);
    console.log(rowOf(result).join(' | '));
  }
  await stopTraffic();
  if (process.argv.includes('--write')) writeFileSync(file, pageOf(followed));
  return followed.every(({ faults }) => faults.length === 0);
});
