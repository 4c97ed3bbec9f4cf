import { usualMistakes, type UsualMistake } from '#testkit/mistakes/usual-mistakes.ts';
import { notice, table } from './markdown.ts';

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
const sent = ({ method, path, json, raw }: UsualMistake): string =>
  `${method ?? 'POST'} ${path} ${raw ?? (json === undefined ? '' : JSON.stringify(json))}`.trim();

const row = (mistake: UsualMistake): string[] => [
  mistake.title,
  code(sent(mistake)),
  `${mistake.status} \`${mistake.code}\``,
  mistake.detail,
];

export const mistakesPage = (): string => `${notice('testkit/mistakes/usual-mistakes.json')}
# Usual mistakes

\`detail\` of a problem document says in one sentence what is wrong, with the field and the remedy. \`errors\` has all
errors, each with a pointer, a code and a sentence; \`detail\` is about the first one. An unknown name comes first,
because a missing input is often sent under another name. A query parameter has the pointer \`query.NAME\`. An answer 400
has no \`errors\`, because it is about the model or the syntax of the body. \`test/pricing/usual-mistakes.test.ts\` sends
each request of this page and compares the answer.

A value that is valid and probably in the wrong unit is priced. The answer then has \`warnings\`, with the code
\`suspicious_unit\`: a volatility above 5, a rate or dividend yield above 1, a time above 50 years. With
\`"strict_units": true\` in the request it is an error. A batch of columns counts such values by column; an Arrow stream
has \`volwatch.strict_units\` and \`volwatch.warnings\` in its schema metadata.

${table(['mistake', 'request', 'answer', 'detail'], usualMistakes.map(row))}
`;
