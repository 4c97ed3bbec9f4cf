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

/** Enough of a statement to name it; the rest of a long one is values. */
const head = 2_000;

/**
 * The closed-set labels of `db_client_operation_duration_seconds`: the verb (`OTHER` outside the list) and the first
 * table named, empty unless it is one of ours.
 */
export const statementLabels = (
  text: string,
  tables: ReadonlySet<string>,
): { readonly db_operation_name: string; readonly db_collection_name: string } => {
  const start = text.slice(0, head);
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
