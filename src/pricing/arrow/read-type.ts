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
const indexArrays = { ...numberArrays, Int64: BigInt64Array, Uint64: BigUint64Array } as const;

type NumberArray = InstanceType<(typeof numberArrays)[keyof typeof numberArrays]>;
export type IndexArray = NumberArray | BigInt64Array | BigUint64Array;
/** How fixed-width values are stored. */
export type Layout<T> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): T;
};

/** The type of a column. This service does not read columns of kind `unsupported`. */
export type ColumnType =
  | { readonly kind: 'number'; readonly name: string; readonly layout: Layout<NumberArray> }
  | { readonly kind: 'utf8'; readonly name: string }
  | { readonly kind: 'dictionary'; readonly name: string; readonly id: bigint; readonly layout: Layout<IndexArray> }
  | { readonly kind: 'unsupported'; readonly name: string };
export type ReadableType = Exclude<ColumnType, { readonly kind: 'unsupported' }>;

/** The members of the union `Type` in `Schema.fbs`, by number. */
const typeNames = (
  'None Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union ' +
  'FixedSizeBinary FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList RunEndEncoded BinaryView Utf8View ' +
  'ListView LargeListView'
).split(' ');
const precisions = ['Float16', 'Float32', 'Float64'];

const intName = (int: FlatTable | undefined): string => `${int?.uint8(1) === 0 ? 'Uint' : 'Int'}${int?.int32(0) ?? 0}`;

const valueName = (field: FlatTable): string => {
  const name = typeNames[field.uint8(2)] ?? 'unknown';
  const details = field.table(3);
  if (name === 'Int') return intName(details);
  if (name === 'FloatingPoint') return precisions[details?.int16(0) ?? 0] ?? 'unknown';
  return name;
};

/** The type of a `Field` table. */
export const readType = (field: FlatTable): ColumnType => {
  const name = valueName(field);
  const dictionary = field.table(4);
  if (dictionary === undefined) {
    const layout: Layout<NumberArray> | undefined = numberArrays[name as keyof typeof numberArrays];
    if (layout !== undefined) return { kind: 'number', name, layout };
    return { kind: name === 'Utf8' ? 'utf8' : 'unsupported', name };
  }
  const index = dictionary.table(1);
  // An index type that is absent is a signed integer of 32 bits.
  const indexName = index === undefined ? 'Int32' : intName(index);
  const shown = `Dictionary<${indexName}, ${name}>`;
  const layout: Layout<IndexArray> | undefined = indexArrays[indexName as keyof typeof indexArrays];
  if (name !== 'Utf8' || layout === undefined) return { kind: 'unsupported', name: shown };
  return { kind: 'dictionary', name: shown, id: dictionary.int64(0), layout };
};
