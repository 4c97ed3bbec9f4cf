import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { parseJsonBytes, parseJsonSteps } from '#src/pricing/request/parse-json-bytes.ts';
import { call } from '../setup.ts';

const rows = Array.from({ length: 12_000 }, (_, row) => JSON.stringify({ ...call, id: `Ā😀${row}` })).join(',');
const broken: readonly (readonly [name: string, text: string])[] = [
  ['without its last bracket', `{"options":[${rows}]`],
  ['that ends in a list', `{"options":[${rows}`],
  ['that ends in a text', `{"options":[${rows},{"id":"Ā`],
  ['with a wrong value in its last row', `{"options":[${rows},{"spot":nul}]}`],
  ['with a wrong value in its first row', `{"options":[{"spot":nul},${rows}]}`],
  ['with a wrong name in the middle', `{"options":[${rows},{spot:1},${rows}]}`],
  ['with a wrong value before its list', `{"outputs":tru,"options":[${rows}]}`],
  ['with a wrong value behind its list', `{"options":[${rows}],"outputs":[1 2]}`],
  ['with a comma before its last bracket', `{"options":[${rows},]}`],
  ['with no value between two commas', `{"options":[${rows},,${rows}]}`],
  ['that begins with many spaces', `${' '.repeat(400_000)}{"options":[${rows}]`],
  ['with a text behind it', `{"options":[${rows}]} x`],
];
const messageOf = (parse: () => unknown): string | undefined => {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.message : String(error);
  }
};

for (const [name, text] of broken) {
  test(`the error of a long text is that of the whole one: ${name}`, (t) => {
    const bytes = Buffer.from(text);
    t.true(bytes.byteLength > 2 ** 20);
    const message = messageOf(() => parseJsonBytes(bytes));
    t.true(message?.startsWith('The body is not valid JSON'), message);
    t.is(
      messageOf(() => runAtOnce(parseJsonSteps(bytes))),
      message,
    );
  });
}
