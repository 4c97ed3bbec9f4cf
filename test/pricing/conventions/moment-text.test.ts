import test from 'ava';
import { threadMs } from '#src/pricing/models/thread-ms.ts';
import { momentText } from '#src/pricing/request/conventions/moment-text.ts';

test('the text for a wrong date names the date that is meant', (t) => {
  t.regex(momentText('expiry', '18.12.2026'), /: send "2026-12-18"$/);
  t.regex(momentText('expiry', '2026-12-18 16:00:00.123456789'), /send 2026-12-18T16:00:00\.123456789Z for UTC/);
});

test('a wrong date of megabytes costs nothing for each row of columns', (t) => {
  const text = '1'.repeat(18 * 2 ** 20);
  momentText('expiry', text);
  const begun = threadMs();
  for (let row = 0; row < 2_000; row += 1) momentText('expiry', text);
  const took = threadMs() - begun;
  t.true(took < 200, `${took} ms; more than a second when each row searches the text`);
});
