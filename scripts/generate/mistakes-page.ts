import { mistakesOfOtherRoutes, usualMistakes, type UsualMistake } from '#testkit/mistakes/usual-mistakes.ts';
import { notice, table } from './markdown.ts';

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
const sent = ({ method, path, headers = {}, json, raw }: UsualMistake): string => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const body = raw ?? (json === undefined ? '' : JSON.stringify(json));
  return [`${method ?? 'POST'} ${path}`, ...lines, body].join(' ').replaceAll('\n', '\\n').trim();
};

const row = (mistake: UsualMistake): string[] => [
  mistake.title,
  code(sent(mistake)),
  `${mistake.status} \`${mistake.code}\``,
  mistake.detail,
];

export const mistakesPage = (): string => `${notice('testkit/mistakes/*.json')}
# Usual mistakes

\`detail\` of a problem document says in one sentence what is wrong, with the field and the remedy. \`errors\` has all
errors, each with a pointer, a code and a sentence; \`detail\` is about the first one, with the path of a nested field
(\`quotes[0].price\`). An unknown name comes first, because a missing input is often sent under another name. A refused
value is repeated if it is short, and never if it is a password, a token, a code or an e-mail address. A query parameter has the pointer \`query.NAME\`. An answer 400
has no \`errors\`, because it is about the model or the syntax of the body. \`test/pricing/usual-mistakes.test.ts\` sends
each request of the first table and compares the answer.

A value that is valid and probably in the wrong unit is priced. The answer then has \`warnings\`, with the code
\`suspicious_unit\`: a volatility above 5, a rate or dividend yield above 1, a time above 50 years. With
\`"strict_units": true\` in the request it is an error. A batch of columns counts such values by column; an Arrow stream
has \`volwatch.strict_units\` and \`volwatch.warnings\` in its schema metadata.

## Pricing

${table(['mistake', 'request', 'answer', 'detail'], usualMistakes.map(row))}

## Other routes

\`test/http/usual-mistakes.test.ts\` sends these requests. Callers have credentials with all scopes, unless the answer is 401.

${table(['mistake', 'request', 'answer', 'detail'], mistakesOfOtherRoutes.map(row))}
`;
