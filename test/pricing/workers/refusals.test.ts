import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { errorOf, refusalOf } from '#src/pricing/workers/protocol.ts';

test('a refusal from a process keeps the number of its errors, of which it has the first ones', (t) => {
  const errors = Array.from({ length: 30 }, (_, row) => ({ pointer: `/${row}`, code: 'required', detail: 'Missing' }));
  const error = errorOf(refusalOf(new AppError('validation_failed', 'Wrong', { errors, abuse: 'arrow_invalid' })));
  t.is(error.errors?.length, 20);
  t.is(error.errorsTotal, 30);
  t.is(error.abuse, 'arrow_invalid');
});
