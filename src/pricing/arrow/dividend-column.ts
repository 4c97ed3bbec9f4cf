import type { Steps } from '#src/kernel/streams/turns.ts';
import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { isValid, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import { inRowSteps } from '#src/kernel/arrow/row-steps.ts';
import type { ColumnType, ListMember } from '#src/kernel/arrow/read-type.ts';
import { columnError, type Column } from '../batch/columns/columns.ts';
import { numberOr } from '../models/cost-inputs.ts';
import { maxDividends } from '../models/inputs.ts';
import { invalidRequest } from '../request/failures.ts';
import { dividendExample, dividendNames, dividendShape, unknownMemberOf } from '../request/read-extras.ts';
import { plainColumn } from './plain-column.ts';
import type { CountText } from './text-memory.ts';

type ListType = Extract<ColumnType, { readonly kind: 'list' }>;

/**
 * Max dividends of all rows of a stream. Items of type null need no bytes, so the size of the stream does not limit
 * their number.
 */
const maxItems = 1_000_000;

const kindsOf: Readonly<Record<string, ReadonlySet<ListMember['type']['kind']>>> = {
  time: new Set(['number', 'integer64', 'decimal', 'null']),
  amount: new Set(['number', 'integer64', 'decimal', 'null']),
  date: new Set(['text', 'moment', 'null']),
};

/** The mistakes in the type of a column of dividends. They are the same for all rows. */
export const dividendTypeErrors = (name: string, { members }: ListType): FieldError[] => {
  // A list of nulls is what writers make of rows that all have no dividends.
  if (members === undefined) return [];
  const names = new Set(members.map((member) => member.name));
  const errors = members.flatMap(({ name: member, type }): FieldError[] => {
    const kinds = Object.hasOwn(kindsOf, member) ? kindsOf[member] : undefined;
    if (kinds === undefined) return [columnError(name, 'unknown_member', unknownMemberOf(member, dividendNames))];
    if (kinds.has(type.kind)) return [];
    const remedy = member === 'date' ? 'texts, dates or timestamps' : 'numbers';
    return [columnError(name, 'invalid_type', `${member} of ${name} must be ${remedy}, not ${type.name}: cast it`)];
  });
  const twice = members.find(
    ({ name: member }, index) =>
      Object.hasOwn(kindsOf, member) && members.findIndex((other) => other.name === member) < index,
  );
  if (twice !== undefined) {
    errors.push(columnError(name, 'conflict', `${twice.name} is twice in ${name}: remove one of them`));
  }
  const lacking = names.has('amount') ? '' : 'amount';
  const missing = lacking || (names.has('time') || names.has('date') ? '' : 'time (or date)');
  if (missing !== '') {
    const detail = `${missing} is required: ${name} must be lists of objects with ${dividendShape}, such as [${dividendExample}]`;
    errors.push(columnError(name, 'required', detail));
  }
  return errors;
};

/** The dividends of each row as a list of objects, as rows in JSON have them. A null list means no dividends. */
export const dividendColumn = function* (
  name: string,
  { layout, members = [] }: ListType,
  chunks: readonly ColumnChunk[],
  size: number,
  countText: CountText,
): Steps<Column> {
  const items = chunks.map((chunk) => chunk.items!);
  const total = items.reduce((sum, { item }) => sum + item.length, 0);
  // This check must come before the first allocation with one element per item.
  if (total > maxItems) {
    const detail = `${name} must have at most ${maxItems} items in all rows, not ${total}: send fewer rows`;
    throw invalidRequest([columnError(name, 'invalid_length', detail)]);
  }
  const starts = new Int32Array(size);
  const counts = new Int32Array(size).fill(-1);
  const isNull = new Uint8Array(total);
  let before = 0;
  yield* inRowSteps(chunks, (chunk, position) => {
    const offsets = valuesOf<Int32Array | BigInt64Array>(chunk.values, layout, chunk.length + 1);
    const firstItem = before;
    before += chunk.items!.item.length;
    return (first, end) => {
      for (let row = first; row < end; row++) {
        const start = Number(offsets[row]);
        starts[position + row] = firstItem + start;
        if (isValid(chunk, row)) counts[position + row] = Number(offsets[row + 1]) - start;
      }
    };
  });
  yield* inRowSteps(
    items.map(({ item }) => item),
    (item, position) => (first, end) => {
      for (let index = first; index < end; index++) {
        if (members.length === 0 || !isValid(item, index)) isNull[position + index] = 1;
      }
    },
  );
  const columns: { readonly name: string; readonly column: Column }[] = [];
  for (const [position, member] of members.entries()) {
    const parts = items.map((each) => each.members[position]!);
    columns.push({ name: member.name, column: yield* plainColumn(member.type, parts, total, countText) });
  }
  const itemAt = (index: number): object | null => {
    if (isNull[index] === 1) return null;
    const item: Record<string, unknown> = {};
    for (const member of columns) {
      const value = member.column.at(index);
      if (value !== undefined) item[member.name] = value;
    }
    return item;
  };
  const countAt = (index: number): number | undefined => (counts[index]! < 0 ? undefined : counts[index]);
  const amounts = columns.find((member) => member.name === 'amount')?.column;
  return {
    countAt,
    sumAt: (index) => {
      const start = starts[index]!;
      const end = start + Math.min(countAt(index) ?? 0, maxDividends);
      let sum = 0;
      for (let k = start; k < end; k++) if (isNull[k] === 0) sum += Math.max(numberOr(amounts?.at(k), 0), 0) || 0;
      return sum;
    },
    at: (index) => {
      const count = countAt(index);
      if (count === undefined) return undefined;
      // A list that is too long is refused, so only one item more than the max is needed.
      return Array.from({ length: Math.min(count, maxDividends + 1) }, (_, k) => itemAt(starts[index]! + k));
    },
  };
};
