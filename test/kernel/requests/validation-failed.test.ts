import test from 'ava';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';

/** Pointer, text of the error, and the sentence about it. */
const cases: readonly (readonly [pointer: string, detail: string, sentence: string])[] = [
  ['/spot', 'spot must be a number', 'spot must be a number'],
  ['', 'The body must be an object', 'The body must be an object'],
  ['query.limit', 'limit must be an integer', 'limit must be an integer'],
  ['/quotes/0/price', 'price is required', 'quotes[0].price is required'],
  ['/schedule/cron', 'cron must be a cron', 'schedule.cron must be a cron'],
  ['/heston/rho', 'heston.rho must be at most 1', 'heston.rho must be at most 1'],
  ['/options/2/heston/rho', 'heston.rho must be at most 1', 'options[2].heston.rho must be at most 1'],
  // `time` is only the beginning of the first word, so the text does not begin with the field.
  ['/dividends/1/time', 'time_to_expiry and time differ', 'dividends[1]: time_to_expiry and time differ'],
  ['/indexes/0/constituents', 'The constituents are few', 'indexes[0]: the constituents are few'],
  ['/positions/3/vol', '"vol" is not an input', 'positions[3]: "vol" is not an input'],
  ['/scopes/1', 'each item of scopes must be short', 'each item of scopes must be short'],
  ['/assets/4/tags/1', 'each item of tags must be short', 'assets[4].tags[1] must be short'],
  ['/columns/strike', 'strike has 3 rows', 'strike has 3 rows'],
  ['/outputs/0', 'outputs has "nu"', 'outputs has "nu"'],
  // A name of the caller is not part of a path if a reader could take it for another one.
  ['/quotes/0/a.b', '"a.b" is not a member', 'quotes[0]: "a.b" is not a member'],
];
for (const [pointer, detail, sentence] of cases) {
  test(`the sentence about "${pointer}": ${sentence}`, (t) => {
    const { message, errors } = validationFailed([{ pointer, code: 'invalid_value', detail }]);
    t.is(message, sentence);
    t.is(errors?.[0]?.detail, detail);
  });
}
