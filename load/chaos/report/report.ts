import type { CellResult } from '../cell.ts';
import { chart, escapeHtml } from './chart.ts';
import { style } from './style.ts';
import type { Timeline } from './timelines.ts';

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
const anchor = ({ group, name }: CellResult): string => `${group}-${name}`.replaceAll(/[^a-z0-9]+/gi, '-');

const heatRow = (result: CellResult): string => {
  const checks = result.checks.map(
    ({ passed, detail }) =>
      `<td class="heat ${passed ? 'good' : 'bad'}" title="${escapeHtml(detail)}">${passed ? 'passed' : 'failed'}</td>`,
  );
  return `<tr><td>${escapeHtml(result.group)}</td><td><a href="#${anchor(result)}">${escapeHtml(result.name)}</a></td>${checks.join('')}
<td class="number">${seconds(result.detectionMs)}</td><td class="number">${seconds(result.recoveryMs)}</td></tr>`;
};

/** The share of the cell's own requests that were served, refused and unanswered since the fault began. */
const budget = ({ answers: { ok, refused, unanswered } }: CellResult): string => {
  const all = ok + refused + unanswered;
  return all === 0
    ? 'no request'
    : `${ok} of ${all} requests were served (${((100 * ok) / all).toFixed(1)} %), ${refused} refused with a code, ${unanswered} unanswered`;
};

const availability = 0.999;
const monthSeconds = 30 * 86_400;

/**
 * One row per group: availability before, during and after the faults, and the share of a month's error budget that the
 * lost requests use at the same request rate.
 */
const steadyStates = (results: readonly CellResult[]): string => {
  const rows = [...new Set(results.map(({ group }) => group))].map((group) => {
    const cells = results.filter((result) => result.group === group);
    const sum = (pick: (result: CellResult) => number): number =>
      cells.reduce((total, result) => total + pick(result), 0);
    const share = (name: 'before' | 'during' | 'after'): string => {
      const requests = sum(({ phases }) => phases[name].requests);
      return requests === 0 ? '-' : `${((100 * sum(({ phases }) => phases[name].served)) / requests).toFixed(1)} %`;
    };
    const requests = sum(({ phases }) => phases.before.requests + phases.during.requests + phases.after.requests);
    const lost = requests - sum(({ phases }) => phases.before.served + phases.during.served + phases.after.served);
    const rate = requests / sum(({ window }) => window.to - window.from);
    const cost = (100 * lost) / (rate * monthSeconds * (1 - availability));
    return `<tr><td>${escapeHtml(group)}</td><td class="number">${share('before')}</td><td class="number">${share('during')}</td><td class="number">${share('after')}</td><td class="number">${lost}</td><td class="number">${cost.toFixed(2)} %</td></tr>`;
  });
  return `<table><thead><tr><th>where</th><th class="number">served before</th><th class="number">during</th><th class="number">after</th><th class="number">requests lost</th><th class="number">of a month's error budget</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
};

const section = (result: CellResult, timelines: readonly Timeline[]): string => `<section id="${anchor(result)}">
<h3>${escapeHtml(result.group)}: ${escapeHtml(result.name)}</h3>
<p class="how">${escapeHtml(result.how)}. ${budget(result)}; the slowest took ${seconds(result.slowestMs)}.
${result.traceId ? `One of them: trace <code>${escapeHtml(result.traceId)}</code>.` : ''}</p>
<ul>${result.checks.map(({ name, passed, detail }) => `<li>${passed ? 'passed' : '<strong>failed</strong>'}: ${escapeHtml(name)} (${escapeHtml(detail)})</li>`).join('')}</ul>
<div class="charts">${timelines.map((timeline) => chart(timeline, result.window)).join('\n')}</div>
</section>`;

/** Renders one self-contained page: the verdict, the matrix as a heat map, and a timeline for each fault. */
export const renderReport = (results: readonly CellResult[], timelines: readonly (readonly Timeline[])[]): string => {
  const passedCells = results.filter(({ passed }) => passed).length;
  const whole = passedCells === results.length && results.length > 0;
  const checkNames = results[0]?.checks.map(({ name }) => name) ?? [];
  const slowest = results.reduce((most, { recoveryMs = 0 }) => Math.max(most, recoveryMs), 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Volwatch: rehearsed failures</title><style>${style}</style></head><body>
<h1>Rehearsed failures</h1>
<p><small>${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, one service under load with its real dependencies</small></p>
<p class="verdict ${whole ? 'good' : 'bad'}">${whole ? 'All' : passedCells} of ${results.length} cells passed. The slowest recovery took ${seconds(slowest)}.</p>
<h2>The matrix</h2>
<table><thead><tr><th>where</th><th>fault</th>${checkNames.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}<th class="number">seen after</th><th class="number">recovered after</th></tr></thead>
<tbody>${results.map(heatRow).join('\n')}</tbody></table>
<h2>Steady state</h2>
<p class="how">Of the requests that each fault was watched with, chosen to be those that it hits hardest. The budget is that of 99.9 % availability.</p>
${steadyStates(results)}
<h2>Fault by fault</h2>
${results.map((result, index) => section(result, timelines[index] ?? [])).join('\n')}
</body></html>
`;
};
