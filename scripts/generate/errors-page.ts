import { errorCategories, errorCodes, errorTable } from '#src/kernel/catalogue/errors.ts';
import { notice, table } from './markdown.ts';

export const errorsPage = (): string => `${notice('src/kernel/catalogue/errors.ts')}
# Errors

Every refusal is a problem document (RFC 9457) with a stable \`code\`. The running service explains each at
\`/problems/{code}\`. \`retryable\` says whether the same request may succeed later without being changed.

${errorCategories
  .map((category) => {
    const codes = errorCodes.filter((code) => errorTable[code].category === category);
    const rows = codes.map((code) => {
      const { status, title, retryable } = errorTable[code];
      return [`\`${code}\``, String(status), title, retryable ? 'yes' : 'no'];
    });
    return `## ${category}\n\n${table(['code', 'status', 'title', 'retryable'], rows)}\n`;
  })
  .join('\n')}`;
