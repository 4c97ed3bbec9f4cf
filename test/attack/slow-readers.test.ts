import test from 'ava';
import { unreadMs } from '#load/attack/attacks/sockets.ts';
import { loadConfig } from '#src/config/config.ts';

test('a slow reader waits longer than the service lets it wait', (t) => {
  t.true(unreadMs > 1.3 * loadConfig({}).ANSWER_GRACE_MS);
});
