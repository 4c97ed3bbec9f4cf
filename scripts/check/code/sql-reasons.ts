import { globSync, readFileSync } from 'node:fs';

/** A statement that writes, at the beginning of a line or of a text, or after an opening parenthesis. */
const writing =
  /(?:^\s*|['"`(]\s*)(?:insert into [a-z_$]|update [a-z_${}]+(?: (?:as )?[a-z_]+)? set\b|delete from [a-z_$])/m;
/** `SQL: ` at the beginning of a comment line, or `SQL, because` in one. */
const reason = /^\s*(?:\/\/|\/?\*+) (?:SQL: \S|.*\bSQL, because\b)/m;

/**
 * Records are managed entities (decision 0165). A file that writes with SQL must say why, in a comment line that begins
 * with `SQL:` or has `SQL, because`. The database room and the migrations are below the entities.
 */
export const sqlFaults = (
  files: readonly string[] = globSync('src/**/*.ts', { exclude: ['src/database/**', 'src/embedded-postgres/**'] }),
  textOf: (file: string) => string = (file) => readFileSync(file, 'utf8'),
): string[] =>
  files
    .filter((file) => {
      const text = textOf(file);
      return writing.test(text) && !reason.test(text);
    })
    .map((file) => `${file} writes with SQL: use a managed entity, or add a comment line "SQL: " with the reason.`);
