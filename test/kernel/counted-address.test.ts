import { isIPv6 } from 'node:net';
import test from 'ava';
import * as fc from 'fast-check';
import { countedAddress, siteNetwork } from '#src/kernel/requests/counted-address.ts';

const cases: readonly (readonly [address: string, counted: string])[] = [
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:1::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['', ''],
];
for (const [address, counted] of cases) {
  test(`${address || 'an unknown address'} is counted as ${counted || 'unknown'}`, (t) => {
    t.is(countedAddress(address), counted);
  });
}

test('the network of a site is /24 or /48', (t) => {
  t.is(siteNetwork(countedAddress('203.0.113.9')), '203.0.113.0/24');
  t.is(siteNetwork(countedAddress('2001:db8:1:2:3:4:5:6')), '2001:db8:1::/48');
  t.is(siteNetwork(countedAddress('::1')), '0:0:0::/48');
});

test('two addresses share a budget exactly when their upper 64 bits are the same', (t) => {
  const group = fc.integer({ min: 0, max: 0xffff });
  const half = fc.tuple(group, group, group, group);
  const written = (groups: readonly number[], compress: boolean): string => {
    const text = groups.map((each) => each.toString(16)).join(':');
    // As URL writes it: the longest run of zeros shortened.
    return compress ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
  };
  fc.assert(
    fc.property(half, half, half, fc.boolean(), fc.boolean(), (upper, lower, other, first, second) => {
      const one = written([...upper, ...lower], first);
      const two = written([...upper, ...other], second);
      t.true(isIPv6(one) && isIPv6(two));
      t.is(countedAddress(one), countedAddress(two));
      const elsewhere = [upper[0], upper[1], upper[2], upper[3] ^ 1] as const;
      t.not(countedAddress(written([...elsewhere, ...lower], first)), countedAddress(one));
    }),
  );
});
