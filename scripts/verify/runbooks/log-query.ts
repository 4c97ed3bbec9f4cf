type Line = Readonly<Record<string, unknown>>;
type Filter = (line: Line) => boolean;

const compare: Readonly<Record<string, (found: unknown, wanted: string) => boolean>> = {
  '=': (found, wanted) => String(found) === wanted,
  '!=': (found, wanted) => String(found) !== wanted,
  // The log store takes an expression for the whole value.
  '=~': (found, wanted) => new RegExp(`^(?:${wanted})$`, 's').test(String(found)),
  '!~': (found, wanted) => !new RegExp(`^(?:${wanted})$`, 's').test(String(found)),
  '>': (found, wanted) => Number(found) > Number(wanted),
  '>=': (found, wanted) => Number(found) >= Number(wanted),
  '<': (found, wanted) => Number(found) < Number(wanted),
  '<=': (found, wanted) => Number(found) <= Number(wanted),
};

const filterOf = (stage: string): Filter => {
  if (stage === 'json') return () => true;
  const [, field, operator, text, number] =
    /^(\w+)\s*(=~|!~|!=|>=|<=|=|>|<)\s*(?:"((?:[^"\\]|\\.)*)"|([\d.]+))$/.exec(stage) ?? [];
  const test = compare[operator ?? ''];
  if (field === undefined || test === undefined) throw new Error(`a stage of a log query is not understood: ${stage}`);
  return (line) => line[field] !== undefined && test(line[field], text ?? number!);
};

/**
 * The part of LogQL that the runbooks use: a search for a text, and filters of fields, of which all must match.
 * @throws Error for any other stage
 */
export const logFilter = (query: string): Filter => {
  const stages = /^\{service_name="volwatch"\}\s*(.*)$/s.exec(query)?.[1];
  if (stages === undefined) throw new Error(`a log query does not select the service: ${query}`);
  const search = /^\|= "([^"]*)"$/.exec(stages)?.[1];
  if (search !== undefined) return (line) => JSON.stringify(line).includes(search);
  const filters = stages.split(/(?:^|\s)\|\s/).filter((stage) => stage.trim() !== '');
  const all = filters.map((stage) => filterOf(stage.trim()));
  return (line) => all.every((filter) => filter(line));
};
