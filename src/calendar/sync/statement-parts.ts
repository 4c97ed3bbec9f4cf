/** Max items of one statement. */
const maxItems = 2_000;
/** Max characters of the JSON of one statement; one item more can be in it. A statement is made in one turn of the event loop. */
const maxCharacters = 1_000_000;

/** JSON lists of the items, each for one statement. An event can have several thousand characters, and an id a thousand. */
export const statementParts = function* (items: Iterable<unknown>): Generator<string, void, undefined> {
  let rows: string[] = [];
  let characters = 0;
  for (const item of items) {
    const row = JSON.stringify(item);
    rows.push(row);
    characters += row.length;
    if (rows.length < maxItems && characters < maxCharacters) continue;
    yield `[${rows.join(',')}]`;
    rows = [];
    characters = 0;
  }
  if (rows.length > 0) yield `[${rows.join(',')}]`;
};
