import test from 'ava';
import { logCause } from '#src/pricing/request/failures.ts';
import { parseJsonBytes } from '#src/pricing/request/parse-json-bytes.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

const recordLines = () => {
  const lines: object[] = [];
  const keep: Logger['info'] = (fields) => void lines.push(fields);
  return { lines, logger: { debug: keep, info: keep, warn: keep, error: keep } };
};

test('the log line of a failed calculation has no text of the caller', (t) => {
  const { logger, lines } = recordLines();
  const inputs = {
    spot: 100,
    option_type: 'put',
    strict_units: true,
    preset: 'canary',
    dividends: ['canary'],
    x: { y: 'canary' },
  };
  logCause(new AppError('pricing_calculation_failed'), logger, { model: 'heston', inputs });
  t.like(lines[0], { model: 'heston', inputs: { spot: 100, option_type: 'put', strict_units: true } });
  t.notRegex(JSON.stringify(lines), /canary/);
});

test('a body that is no JSON is in no log line', (t) => {
  const { logger, lines } = recordLines();
  const error = t.throws(() => parseJsonBytes(Buffer.from('{"spot": 65.4, "a": canary}')), { instanceOf: AppError });
  logCause(error, logger);
  t.is(error.cause, undefined);
  t.deepEqual(lines, []);
});
