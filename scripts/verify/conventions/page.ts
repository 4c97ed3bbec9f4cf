import { notice, table } from '../../generate/markdown.ts';
import type { Judgement } from './judge.ts';

/** Longer lists are cut. */
const maxShown = 8;

/** A difference in the form of a page: without the words that the column has already. */
const short = (finding: string): string =>
  finding.replace(/(?:: attribute (\S+))? is not in the conventions$/, (_, name?: string) =>
    name === undefined ? '' : `: \`${name}\``,
  );

const shown = (findings: readonly string[]): string => {
  const names = findings.slice(0, maxShown).map(short);
  const more = findings.length - names.length;
  return [...names, ...(more > 0 ? [`and ${more} more`] : [])].join('<br>');
};

/** The page of deviations, from a live run. */
export const conventionsPage = (
  version: string,
  { accepted }: Judgement,
): string => `${notice('a live run').replace('npm run generate', 'npm run conventions:verify -- --write')}
# Semantic conventions

\`npm run conventions:verify\` starts the service, sends traffic of every kind, and compares all spans, metrics, log records
and the resource that it exports over OTLP with version ${version} of the semantic conventions of OpenTelemetry: each attribute and
metric must be there, with its type, unit, instrument, listed values and required attributes. The conventions are read from
the constants that OpenTelemetry generates for Go ([decision](decisions/0249-conventions-are-compared-with-published-constants.md)).

Each difference belongs to a row of this list, which is a pattern with a reason. A row shows at most ${maxShown} differences and the
number of the others. A new difference outside of these patterns, and a row that nothing needs any more, fail the check. A difference without
more words means that the conventions do not have the name.

${table(
  ['what differs', 'reason', 'differences'],
  [...accepted].map(([{ what, reason }, findings]) => [what, reason, shown(findings)]),
)}
`;
