import * as fc from 'fast-check';

/** Texts that a decoder, a database or a calendar may not take. Some have no UTF-8 form, because a surrogate is alone. */
const brokenTexts = ['\0', 'a\0b', '\ud800', 'a\udc00b', '\udc00\ud800', '\ufffe', '\uffff', '\ufeff'];
const controlTexts = ['\x01', '\x08', '\x1b[2J', '\x1f', '\x7f', '\x85', '\u2028', '\u202e', '\r\nX-A: b', '\t'];
const oddTexts = ['', ' ', 'null', 'true', '[]', '{}', "' or 1=1 --", '\\', '"', '$1', '%s', '../../etc/passwd', '*'];
const longTexts = ['x'.repeat(300), '💥'.repeat(60), '\u0301'.repeat(200), '9'.repeat(400)];
const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'];
const dates = [
  ['0000-00-00', '0000-01-01', '0001-01-01', '0999-12-31', '1000-01-01', '9999-12-31', '10000-01-01', '+010000-01-01'],
  ['-000001-01-01', '2001-02-29', '2000-02-29', '2001-13-01', '2001-1-1', '20010101', '2001-W01-1', '2001-01-01 '],
  ['infinity', '-infinity', 'now', 'epoch', 'today', '2001-01-01 BC', '2001-01-01Z', '294277-01-01'],
].flat();
const instants = [
  ['2001-01-01T00:00:00Z', '2001-01-01T24:00:00Z', '2001-01-01T23:59:60Z', '2001-01-01T00:00:00+99:99'],
  ['1000-01-01T00:00:00+14:00', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '2001-01-01T00:00'],
  ['9999-12-31T23:59:59-14:00', '1000-01-01T00:00:00+23:59', '1000-01-01T00:00:00Z', '2001-01-01t00:00:00z'],
].flat();
const numberTexts = [
  [
    '0',
    '-0',
    '-1',
    '+1',
    ' 1',
    '1.5',
    '1e3',
    '1e400',
    '0x10',
    '0b1',
    '1_000',
    '01',
    'NaN',
    'Infinity',
    '1,2',
    '٣',
    '１',
  ],
  ['2147483647', '2147483648', '-2147483649', '9007199254740993', '999999999999999', '9223372036854775808'],
].flat();
const identifiers = [
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '{018f0000-0000-7000-8000-000000000000}',
  'urn:uuid:018f0000-0000-7000-8000-000000000000',
  '018f000000007000800000000000000',
  'e30.e30',
  '..',
  'a.b.c',
];

const hostileTexts: readonly string[] = [
  ...brokenTexts,
  ...controlTexts,
  ...oddTexts,
  ...longTexts,
  ...names,
  ...dates,
  ...instants,
  ...numberTexts,
  ...identifiers,
];
/** These are always tried. The other values are samples. */
const essentialTexts = [...brokenTexts, '', '9999-12-31', '1000-01-01', '9223372036854775808', 'x'.repeat(300)];

/** JSON that no JavaScript value gives, or that a schema of one value does not expect. */
const essentialJson = ['1e400', '-1e400', '9223372036854775808', 'null', '[]', '{}', '[null,null]', '"\\ud800"'];
const oddJson = [
  ['-0', '1e-400', '5e-324', '1e308', '-1e308', '1.5', '-1', '0', '2147483648', '123456789012345678901234567890'],
  ['true', 'false', '[[]]', '[{}]', '{"__proto__":{"a":1}}', '{"a":1,"a":2}', '{"\\u0000":1}', '{"\\ud800":1}'],
  ['["\\u0000"]', '[["\\ud800"]]', '{"a":{"b":"\\u0000"}}', '{"length":3}', '["a","a"]', '[1,1]'],
].flat();

/** Percent-encodings that are not UTF-8, or not encodings. */
const brokenEncodings = [
  '%',
  '%f',
  '%zz',
  '%FF',
  '%C0%80',
  '%ED%A0%80',
  '%F4%90%80%80',
  '%u0000',
  '%00',
  'a%00b',
  '%2500',
];

const randomText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.bigInt().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);

export type Sampling = { readonly seed: number; readonly count: number };
const some = <Value>(arbitrary: fc.Arbitrary<Value>, { seed, count }: Sampling): Value[] =>
  fc.sample(arbitrary, { seed, numRuns: count });

/** Percent-encodes each text that has a UTF-8 form; a lone surrogate is encoded as its three bytes. */
const percentEncoded = (text: string): string =>
  Array.from(text)
    .map((character) => {
      const unit = character.charCodeAt(0);
      if (character.isWellFormed()) return encodeURIComponent(character);
      return [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]
        .map((byte) => `%${byte.toString(16)}`)
        .join('');
    })
    .join('');

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** A good text with an addition: a check of its beginning alone would let it pass. */
const spoiled = (good: string): string[] => [
  ...['\0', '\ud800', '\n', ' ', '\u00a0', '\u0301', good].map((addition) => `${good}${addition}`),
  ...['\0', ' ', '\ufeff'].map((addition) => `${addition}${good}`),
  good.toUpperCase(),
  good.normalize('NFD'),
];

/** For a path, a query or a form. */
export const hostileEncodings = (good: unknown, sampling: Sampling): string[] => [
  ...brokenEncodings,
  ...[
    ...spoiled(asText(good)),
    ...essentialTexts,
    ...some(fc.oneof(fc.constantFrom(...hostileTexts), randomText), sampling),
  ].map(percentEncoded),
];

/** For a member of a JSON body: JSON texts. */
export const hostileJson = (good: unknown, sampling: Sampling): string[] => [
  ...essentialJson,
  // A list of one text becomes this text wherever a program expects a text.
  ...[[good], [[good]], [good, good], { 0: good, length: 1 }, asText(good), { toString: good }].map((value) =>
    JSON.stringify(value),
  ),
  ...(typeof good === 'string' ? spoiled(good).map((text) => JSON.stringify(text)) : []),
  ...essentialTexts.map((text) => JSON.stringify(text)),
  ...some(
    fc.oneof(
      fc.constantFrom(...oddJson),
      fc.oneof(fc.constantFrom(...hostileTexts), randomText).map((text) => JSON.stringify(text)),
      fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
      fc.double().map((number) => (Number.isFinite(number) ? String(number) : '1e999')),
    ),
    sampling,
  ),
];

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const part = (text: string): string => Buffer.from(text).toString('base64url');
const headerTexts = [
  ['', ' ', '\t', '\xff', '\x80\xff', '*', '"', '""', ',', ',,', ';', '=', '%00', '%', 'a, b', 'W/"1"', '"1", "2"'],
  ['wait=99999999999', 'wait=-1', 'wait="', 'wait=1, wait=2', 'x'.repeat(2_000), '9'.repeat(300), 'NaN', '[]', '{}'],
  ['text/html', '*/*;q=2', ';;;', 'gzip;q=nan', 'no-cache', 'null', 'http://[', '::1', '00-0-0-0', '100-continue'],
  ['__Host-session=\xff', '__Host-session=%00', '__Host-session', '=', '__Host-session=a; __Host-session=b'],
  ['Bearer', 'Bearer \xff', 'Bearer a.b.c', 'Basic', 'Basic !', 'Basic \xff', 'Digest a', 'bearer  a b'],
  [basic('a\0b:c'), basic('desk:\0'), basic('%00:%00'), basic('%:%'), basic('no colon'), basic('\ufffd:x'), basic(':')],
  [`Bearer ${part('{"alg":"RS256","kid":"\\u0000"}')}.${part('{"sub":"\\u0000"}')}.AA`],
  [`Bearer ${part('{"alg":["RS256"]}')}.${part('[]')}.AA`, `Bearer ${part('null')}.${part('null')}.`],
].flat();
/** For a header: characters that HTTP allows. */
export const hostileHeaders = (sampling: Sampling): string[] =>
  some(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...headerTexts) },
      {
        weight: 1,
        arbitrary: fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '')),
      },
    ),
    sampling,
  );

/** Bodies that are not in the encoding that their media type says. */
export const hostileBytes = (text: string): Buffer[] => [
  Buffer.from(text, 'utf16le'),
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
  Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
  Buffer.concat([Buffer.from(text), Buffer.from([0])]),
  Buffer.from(`"\xff\xfe"`, 'latin1'),
  Buffer.from('"\xed\xa0\x80"', 'latin1'),
  Buffer.from('"\0"'),
  Buffer.from('null'),
  Buffer.from('[]'),
  Buffer.from(`[${text}]`),
  Buffer.from(`${text}${text}`),
  Buffer.alloc(0),
];
