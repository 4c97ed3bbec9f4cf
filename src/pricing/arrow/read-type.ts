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
  | {
      readonly kind: 'moment';
      readonly name: string;
      readonly layout: Layout<Int32Array | BigInt64Array>;
      /** Milliseconds since 1970 of a value. */
      readonly msOf: (count: number) => number;
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
  /** A column whose values are not used. `buffers` follow its bitmap; views have more of them. */
  | { readonly kind: 'ignored'; readonly name: string; readonly buffers: number; readonly isView: boolean }
  | { readonly kind: 'unsupported'; readonly name: string };
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

const MS_PER_DAY = 86_400_000;
const isMs = (count: number): number => count;
/** Milliseconds of timestamps, in the order of the enum `TimeUnit`. Digits below a millisecond do not change a price. */
const timeUnits = [
  (seconds: number): number => seconds * 1_000,
  isMs,
  (microseconds: number): number => Math.round(microseconds / 1_000),
  (nanoseconds: number): number => Math.round(nanoseconds / 1_000_000),
];

const momentType = (name: string, details: FlatTable | undefined): ColumnType => {
  if (name === 'Timestamp') {
    const msOf = timeUnits[details?.int16(0) ?? 0];
    return msOf === undefined ? { kind: 'unsupported', name } : { kind: 'moment', name, layout: BigInt64Array, msOf };
  }
  // The unit of a date that is absent is the millisecond.
  const isInDays = (details?.int16(0, 1) ?? 1) === 0;
  if (isInDays) return { kind: 'moment', name: 'Date32', layout: Int32Array, msOf: (days) => days * MS_PER_DAY };
  return { kind: 'moment', name: 'Date64', layout: BigInt64Array, msOf: isMs };
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
  if (field.table(4) !== undefined) return { kind: 'ignored', name, buffers: 1, isView: false };
  if (type.kind === 'text' || name === 'Binary' || name === 'LargeBinary' || name === 'BinaryView') {
    const isView = name.endsWith('View');
    return { kind: 'ignored', name, buffers: isView ? 1 : 2, isView };
  }
  if (type.kind !== 'unsupported' || fixedWidth.has(name)) return { kind: 'ignored', name, buffers: 1, isView: false };
  return type;
};
