import test from 'ava';
import { createAddressHash } from '#src/telemetry/logs/address-hash.ts';

test('lines of one client can be grouped, and another process hashes with another key', (t) => {
  const [hash, other] = [createAddressHash(), createAddressHash()];
  t.is(hash('203.0.113.7'), hash('203.0.113.7'));
  t.not(hash('203.0.113.7'), hash('203.0.113.8'));
  t.not(hash('203.0.113.7'), other('203.0.113.7'));
  t.regex(hash('203.0.113.7'), /^[0-9a-f]{16}$/);
});
