const verbs = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'WITH',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT',
  'RELEASE',
  'SET',
]);

/** Characters that are searched. Verb and table stand at the start; the rest of a long statement is values. */
const maxCharacters = 2_000;

/**
 * The labels of `db_client_operation_duration_seconds`, both from closed sets: the verb (`OTHER` if it is not in the
 * list)
 * and the first table that is in `tables`, or the empty text.
 */
export const statementLabels = (
  text: string,
  tables: ReadonlySet<string>,
): { readonly db_operation_name: string; readonly db_collection_name: string } => {
  const start = text.slice(0, maxCharacters);
  const verb = /^\s*([a-z]+)/i.exec(start)?.[1]?.toUpperCase() ?? '';
  let collection = '';
  for (const match of start.matchAll(
    /\b(?:from|into|update|join)\s+(?:only\s+)?(?:"?public"?\.)?"?([a-z_][a-z0-9_]*)/gi,
  )) {
    const name = match[1]?.toLowerCase() ?? '';
    if (!tables.has(name)) continue;
    collection = name;
    break;
  }
  return { db_operation_name: verbs.has(verb) ? verb : 'OTHER', db_collection_name: collection };
};
