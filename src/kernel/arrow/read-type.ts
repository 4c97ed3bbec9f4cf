import { contradiction } from './faults.ts';
import type { FlatTable } from './flat-table.ts';

const numberArrays = {
  Int8: Int8Array,
  Int16: Int16Array,
  Int32: Int32Array,
  Uint8: Uint8Array,
  Uint16: Uint16Array,
  Uint32: Uint32Array,
  Float32: Float32Array,
  Float64: Float64Array,
} as const;
const integers64 = { Int64: BigInt64Array, Uint64: BigUint64Array } as const;
const indexArrays = { ...numberArrays, ...integers64 } as const;

type NumberArray = InstanceType<(typeof numberArrays)[keyof typeof numberArrays]>;
export type IndexArray = NumberArray | BigInt64Array | BigUint64Array;
/** How fixed-width values are stored. */
export type Layout<T> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): T;
};

/** How texts are stored: with offsets of 32 or 64 bits, or as views of 16 bytes. */
export type TextLayout = 'offsets32' | 'offsets64' | 'views';

/** The type of a column. This service does not read columns of kind `unsupported`. */
export type ColumnType =
  | { readonly kind: 'number'; readonly name: string; readonly layout: Layout<NumberArray> }
  | { readonly kind: 'integer64'; readonly name: string; readonly layout: Layout<BigInt64Array | BigUint64Array> }
  | { readonly kind: 'decimal'; readonly name: string; readonly bytes: number; readonly scale: number }
  /** A date or an instant since 1970: `perDay` units are one day. */
  | {
      readonly kind: 'moment';
      readonly name: string;
      readonly layout: Layout<Int32Array | BigInt64Array>;
      readonly perDay: number;
      /** Whether the time zone is UTC. An instant is the same in each zone, but its day is not. */
      readonly isUtc: boolean;
    }
  | { readonly kind: 'null'; readonly name: string }
  | { readonly kind: 'text'; readonly name: string; readonly layout: TextLayout }
  | {
      readonly kind: 'dictionary';
      readonly name: string;
      readonly id: bigint;
      readonly layout: Layout<IndexArray>;
      readonly texts: TextLayout;
    }
  /** Lists of objects. `members` are the columns of these objects; undefined for lists of nulls, which are empty. */
  | {
      readonly kind: 'list';
      readonly name: string;
      readonly layout: Layout<Int32Array | BigInt64Array>;
      readonly members: readonly ListMember[] | undefined;
    }
  /** A column whose values are not used. `buffers` follow its bitmap; views have more of them. */
  | { readonly kind: 'ignored'; readonly name: string; readonly buffers: number; readonly isView: boolean }
  | { readonly kind: 'unsupported'; readonly name: string };
/** A member of the objects in a list. */
export type ListMember = { readonly name: string; readonly type: MemberType };
type MemberType = Exclude<ColumnType, { readonly kind: 'list' | 'dictionary' | 'ignored' | 'unsupported' }>;
export type ReadableType = Exclude<ColumnType, { readonly kind: 'unsupported' }>;

/** The members of the union `Type` in `Schema.fbs`, by number. */
const typeNames = (
  'None Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union ' +
  'FixedSizeBinary FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList RunEndEncoded BinaryView Utf8View ' +
  'ListView LargeListView'
).split(' ');
const precisions = ['Float16', 'Float32', 'Float64'];
const textLayouts: Readonly<Record<string, TextLayout>> = {
  Utf8: 'offsets32',
  LargeUtf8: 'offsets64',
  Utf8View: 'views',
};
const decimalBits = new Set([32, 64, 128, 256]);
/** Max digits after the point, as in Apache Arrow's Decimal256. */
const maxScale = 76;

const intName = (int: FlatTable | undefined): string => `${int?.uint8(1) === 0 ? 'Uint' : 'Int'}${int?.int32(0) ?? 0}`;

const valueName = (field: FlatTable): string => {
  const name = typeNames[field.uint8(2)] ?? 'unknown';
  const details = field.table(3);
  if (name === 'Int') return intName(details);
  if (name === 'FloatingPoint') return precisions[details?.int16(0) ?? 0] ?? 'unknown';
  return name;
};

const decimalType = (details: FlatTable | undefined): ColumnType => {
  const bits = details?.int32(2, 128) ?? 128;
  const scale = details?.int32(1) ?? 0;
  const name = `Decimal${bits}`;
  if (!decimalBits.has(bits) || Math.abs(scale) > maxScale) return { kind: 'unsupported', name };
  return { kind: 'decimal', name, bytes: bits / 8, scale };
};

/** Units of one day, by the number of `TimeUnit`: seconds, milliseconds, microseconds, nanoseconds. */
const perDay = [86_400, 86_400e3, 86_400e6, 86_400e9];
const utcNames = new Set(['', 'UTC', 'Etc/UTC', 'Z', '+00:00']);
const maxZoneBytes = 64;

const momentType = (name: string, details: FlatTable | undefined): ColumnType => {
  // The unit of a date that is absent is the millisecond.
  if (name === 'Date' && (details?.int16(0, 1) ?? 1) === 0) {
    return { kind: 'moment', name: 'Date32', layout: Int32Array, perDay: 1, isUtc: true };
  }
  if (name === 'Date')
    return { kind: 'moment', name: 'Date64', layout: BigInt64Array, perDay: perDay[1]!, isUtc: true };
  const units = perDay[details?.int16(0) ?? 0];
  if (units === undefined) return { kind: 'unsupported', name };
  const isUtc = utcNames.has(details?.text(1, maxZoneBytes) ?? '');
  return {
    kind: 'moment',
    name: isUtc ? name : 'Timestamp with a time zone',
    layout: BigInt64Array,
    perDay: units,
    isUtc,
  };
};

const listLayouts: Readonly<Record<string, Layout<Int32Array | BigInt64Array>>> = {
  List: Int32Array,
  LargeList: BigInt64Array,
};
/** Number of the field with the inner columns in the table `Field`. */
const innerFields = 5;
const maxMembers = 16;
const maxMemberBytes = 64;

/** Lists of objects or of nulls. Other items, such as lists of lists, are not read, so that types have two levels. */
const listType = (name: string, layout: Layout<Int32Array | BigInt64Array>, field: FlatTable): ColumnType => {
  const items = field.vector(innerFields, 4);
  if (items.count !== 1) throw contradiction('a list does not have one kind of items');
  const item = field.element(items, 0);
  const itemName = valueName(item);
  const unread = (inner: string): ColumnType => ({ kind: 'unsupported', name: `${name}<${inner}>` });
  if (item.table(4) !== undefined) return unread(`Dictionary of ${itemName}`);
  if (itemName === 'Null') return { kind: 'list', name: `${name}<Null>`, layout, members: undefined };
  if (itemName !== 'Struct') return unread(itemName);
  const inner = item.vector(innerFields, 4);
  if (inner.count > maxMembers) return unread(`Struct of more than ${maxMembers} members`);
  const members: ListMember[] = [];
  for (let index = 0; index < inner.count; index++) {
    const member = item.element(inner, index);
    const type = memberType(member);
    if (type.kind === 'unsupported') return unread(`Struct with ${type.name}`);
    members.push({ name: member.text(0, maxMemberBytes), type });
  }
  return { kind: 'list', name: `${name}<Struct>`, layout, members };
};

/** The type of a member of an object in a list. Its own inner columns are not looked at. */
const memberType = (field: FlatTable): MemberType | Extract<ColumnType, { readonly kind: 'unsupported' }> => {
  const name = valueName(field);
  if (Object.hasOwn(listLayouts, name)) return { kind: 'unsupported', name };
  const type = readType(field);
  switch (type.kind) {
    case 'dictionary':
    case 'list':
    case 'ignored':
      return { kind: 'unsupported', name: type.name };
    default:
      return type;
  }
};

/** The type of a `Field` table. */
export const readType = (field: FlatTable): ColumnType => {
  const name = valueName(field);
  const dictionary = field.table(4);
  const texts = textLayouts[name];
  if (dictionary !== undefined) {
    const index = dictionary.table(1);
    // An index type that is absent is a signed integer of 32 bits.
    const indexName = index === undefined ? 'Int32' : intName(index);
    const shown = `Dictionary<${indexName}, ${name}>`;
    const layout: Layout<IndexArray> | undefined = indexArrays[indexName as keyof typeof indexArrays];
    if (texts === undefined || layout === undefined) return { kind: 'unsupported', name: shown };
    return { kind: 'dictionary', name: shown, id: dictionary.int64(0), layout, texts };
  }
  if (texts !== undefined) return { kind: 'text', name, layout: texts };
  const lists = listLayouts[name];
  if (lists !== undefined) return listType(name, lists, field);
  if (name === 'Null') return { kind: 'null', name };
  if (name === 'Decimal') return decimalType(field.table(3));
  if (name === 'Date' || name === 'Timestamp') return momentType(name, field.table(3));
  const layout: Layout<NumberArray> | undefined = numberArrays[name as keyof typeof numberArrays];
  if (layout !== undefined) return { kind: 'number', name, layout };
  const wide = integers64[name as keyof typeof integers64] as Layout<BigInt64Array | BigUint64Array> | undefined;
  return wide === undefined ? { kind: 'unsupported', name } : { kind: 'integer64', name, layout: wide };
};

/** Types with one buffer of values and no columns inside. */
const fixedWidth = new Set('Bool Date Time Timestamp Interval Duration FixedSizeBinary Float16'.split(' '));

/** The type of a column whose values are not used; `unsupported` if its buffers cannot be counted. */
export const ignoredType = (field: FlatTable, type: ColumnType): ColumnType => {
  const { name } = type;
  if (type.kind === 'null') return type;
  if (type.kind === 'list') return { kind: 'unsupported', name };
  if (field.table(4) !== undefined) return { kind: 'ignored', name, buffers: 1, isView: false };
  if (type.kind === 'text' || name === 'Binary' || name === 'LargeBinary' || name === 'BinaryView') {
    const isView = name.endsWith('View');
    return { kind: 'ignored', name, buffers: isView ? 1 : 2, isView };
  }
  if (type.kind !== 'unsupported' || fixedWidth.has(valueName(field)))
    return { kind: 'ignored', name, buffers: 1, isView: false };
  return type;
};
