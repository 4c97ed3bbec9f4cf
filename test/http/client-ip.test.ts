import test from 'ava';
import fc from 'fast-check';
import { createClientIp, createIsTrustedProxy, type ForwardedHeaders } from '#src/http/server/client-ip.ts';
import { readAddress } from '#src/http/server/forwarded-entries.ts';
import { recordLogger } from '#testkit/redis.ts';

const trustedProxies = ['10.0.0.0/8', '127.0.0.1', 'fd00::/8'];
const requestOf = (remoteAddress: string, headers: ForwardedHeaders) => ({ headers, socket: { remoteAddress } });
const setup = (header?: 'either' | 'x-forwarded-for' | 'forwarded') => {
  const { logger, lines } = recordLogger();
  const clientIp = createClientIp({ trustedProxies, logger, ...(header && { header }) });
  return {
    lines,
    from: (peer: string, headers: ForwardedHeaders) => clientIp(requestOf(peer, headers)),
    xff: (peer: string, value: string) => clientIp(requestOf(peer, { 'x-forwarded-for': value })),
    forwarded: (value: string) => clientIp(requestOf('127.0.0.1', { forwarded: value })),
  };
};

test('X-Forwarded-For is believed of trusted proxies only, from the right', (t) => {
  const { xff, from } = setup();
  t.is(xff('203.0.113.9', '198.51.100.1'), '203.0.113.9');
  t.is(from('127.0.0.1', {}), '127.0.0.1');
  t.is(xff('::ffff:127.0.0.1', '198.51.100.1'), '198.51.100.1');
  t.is(xff('127.0.0.1', '6.6.6.6, 198.51.100.1, 10.1.2.3'), '198.51.100.1');
  t.is(xff('fd00::1', '2001:db8::7'), '2001:db8::7');
  t.is(xff('127.0.0.1', 'nonsense'), '127.0.0.1');
  t.is(
    createClientIp({ trustedProxies: [] })(requestOf('127.0.0.1', { 'x-forwarded-for': '198.51.100.1' })),
    '127.0.0.1',
  );
  t.throws(() => createClientIp({ trustedProxies: ['proxy.example'] }));
});

for (const [entry, address] of [
  ['198.51.100.1:4711', '198.51.100.1'],
  ['[2001:db8::7]', '2001:db8::7'],
  ['[2001:db8::7]:443', '2001:db8::7'],
  ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
  ['::ffff:198.51.100.1', '198.51.100.1'],
  ['::FFFF:198.51.100.1', '198.51.100.1'],
  ['::ffff:c633:6401', '198.51.100.1'],
  ['0:0:0:0:0:ffff:198.51.100.1', '198.51.100.1'],
  ['0000:0000:0000:0000:0000:FFFF:C633:6401', '198.51.100.1'],
  ['[::ffff:198.51.100.1]:8080', '198.51.100.1'],
  ['fe80::1%eth0', 'fe80::1'],
] as const) {
  test(`${entry} in X-Forwarded-For is ${address}`, (t) => {
    const { xff, lines } = setup();
    t.is(xff('127.0.0.1', `6.6.6.6, ${entry}`), address);
    t.is(xff('127.0.0.1', `6.6.6.6, ${entry}, 10.1.2.3:9000, [fd00::2]:1`), address);
    t.deepEqual(lines, []);
  });
}

test('trusted proxies in mapped notation are the same proxies', (t) => {
  const isTrusted = createIsTrustedProxy(['::ffff:10.0.0.0/104', '::FFFF:C000:0201']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203', '192.0.2.1'])
    t.true(isTrusted(address), address);
  for (const address of ['11.0.0.1', '192.0.2.2', '::1', '', 'nonsense']) t.false(isTrusted(address), address);
});

for (const entry of [
  'nonsense',
  'unknown',
  '_hidden',
  '198.51.100.1:port',
  '198.51.100.1:',
  '198.51.100.1:123456',
  '[198.51.100.1]',
  '[2001:db8::7',
  '[2001:db8::7]x',
  '2001:db8::7]',
  '010.0.0.1',
  '198.51.100.1 198.51.100.2',
  '198.51.100.1\u0000',
  '"198.51.100.1"',
]) {
  test(`an entry that cannot be read ends the search, and is warned of once: ${JSON.stringify(entry)}`, (t) => {
    const { xff, lines } = setup();
    for (let request = 0; request < 3; request += 1) t.is(xff('127.0.0.1', `6.6.6.6, ${entry}, 10.1.2.3`), '10.1.2.3');
    t.is(lines.length, 1);
    t.like(lines[0], { header: 'x-forwarded-for' });
    t.false(JSON.stringify(lines).includes('nonsense'), 'its text is not logged');
  });
}

test('empty elements of the list mean nothing', (t) => {
  const { xff, lines } = setup();
  t.is(xff('127.0.0.1', ' , 198.51.100.1, ,'), '198.51.100.1');
  t.is(xff('127.0.0.1', ''), '127.0.0.1');
  t.deepEqual(lines, []);
});

test('the header is not read of other peers, and not beyond the entries of the proxies', (t) => {
  const unread = {
    socket: { remoteAddress: '203.0.113.9' },
    get headers(): ForwardedHeaders {
      throw new Error('the header was read');
    },
  };
  const clientIp = createClientIp({ trustedProxies });
  t.is(clientIp(unread), '203.0.113.9');
  for (const [name, text] of [
    ['x-forwarded-for', `${'1,'.repeat(7_000)}198.51.100.1, 10.1.2.3`],
    ['forwarded', `${'a,'.repeat(7_000)}for=198.51.100.1, for=10.1.2.3`],
  ] as const) {
    let pieces = 0;
    const header = Object.assign(Object(text) as string, {
      slice: (start: number, end: number): string => {
        pieces += 1;
        return text.slice(start, end);
      },
    });
    t.is(clientIp(requestOf('127.0.0.1', { [name]: header })), '198.51.100.1');
    t.is(pieces, 2);
  }
});

test('Forwarded is read from the right, with quotes, brackets, ports and other parameters', (t) => {
  const { forwarded, lines } = setup();
  t.is(forwarded('for=192.0.2.60;proto=http;by=203.0.113.43'), '192.0.2.60');
  t.is(forwarded('For="[2001:db8:cafe::17]:4711"'), '2001:db8:cafe::17');
  t.is(forwarded('for=6.6.6.6, for=192.0.2.43, for="10.0.0.2:80"'), '192.0.2.43');
  t.is(forwarded('proto=https; FOR = 192.0.2.43 ;host=a.example'), '192.0.2.43');
  t.is(forwarded('for="192.0.2.43:_obscured"'), '192.0.2.43');
  t.is(forwarded('for="[::ffff:192.0.2.43]"'), '192.0.2.43');
  t.deepEqual(lines, []);
});

for (const [header, why] of [
  ['for=6.6.6.6, for=unknown, for=10.0.0.2', 'unknown'],
  ['for=6.6.6.6, for="_gazonk", for=10.0.0.2', 'a hidden identifier'],
  ['for=6.6.6.6, proto=https, for=10.0.0.2', 'no parameter'],
  ['for=6.6.6.6, for=192.0.2.1;for=192.0.2.2, for=10.0.0.2', 'two parameters'],
  ['for=6.6.6.6, for=2001:db8::1"x, for=10.0.0.2', 'an odd quote'],
] as const) {
  test(`Forwarded: an element with ${why} ends the search, and is warned of once`, (t) => {
    const { forwarded, lines } = setup();
    t.is(forwarded(header), '10.0.0.2');
    t.is(forwarded(header), '10.0.0.2');
    t.deepEqual(
      lines.map((line) => line['header']),
      ['forwarded'],
    );
  });
}

test('a client cannot hide the element of the proxy behind a quote that it opens', (t) => {
  const { forwarded } = setup();
  t.is(forwarded('for="6.6.6.6, for=192.0.2.43'), '192.0.2.43');
  t.is(forwarded('for=6.6.6.6;x="\\", for="[2001:db8::7]:1"'), '2001:db8::7');
  t.is(forwarded('for="6.6.6.6;x=", for="10.0.0.2"'), '10.0.0.2');
});

test('X-Forwarded-For comes before Forwarded, and a setting chooses one of them', (t) => {
  const both = { 'x-forwarded-for': '198.51.100.1', forwarded: 'for=192.0.2.43' };
  t.is(setup().from('127.0.0.1', both), '198.51.100.1');
  t.is(setup('x-forwarded-for').from('127.0.0.1', { forwarded: both.forwarded }), '127.0.0.1');
  t.is(setup('forwarded').from('127.0.0.1', both), '192.0.2.43');
  t.is(setup('forwarded').from('127.0.0.1', { 'x-forwarded-for': '198.51.100.1' }), '127.0.0.1');
  t.is(setup().from('203.0.113.9', both), '203.0.113.9');
});

test('no header makes it throw, and the answer is an address that the client did not choose', (t) => {
  const { from } = setup();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, other) => {
      t.is(from('127.0.0.1', { 'x-forwarded-for': `${text}, 198.51.100.1` }), '198.51.100.1');
      t.is(from('127.0.0.1', { forwarded: `${text}, for=198.51.100.1;proto=https` }), '198.51.100.1');
      from('127.0.0.1', { 'x-forwarded-for': text, forwarded: other });
      from('127.0.0.1', { forwarded: text });
    }),
  );
});

test('addresses: every IPv4 address is the same in plain and mapped notation', (t) => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV6(), (four, six) => {
      const hex = four.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
      t.is(readAddress(`::ffff:${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`), four);
      t.is(readAddress(`[::ffff:${four}]:1`), four);
      t.is(readAddress(`[${six}]:443`), readAddress(six));
    }),
  );
});

test('a header of blanks is read in a time that grows with its length only', (t) => {
  const { forwarded, xff } = setup();
  const blanks = ' '.repeat(60_000);
  const begun = performance.now();
  for (const value of [`for=${blanks}x y`, `for${blanks}=${blanks}"`, `${blanks}for${blanks}`, `for="${blanks}x`]) {
    t.is(forwarded(value), '127.0.0.1');
    t.is(xff('127.0.0.1', value), '127.0.0.1');
  }
  // The first of these texts took more than 10 s with blanks that two repetitions could match.
  t.true(performance.now() - begun < 2_000);
});

test('a for parameter may have blanks around its sign and its value', (t) => {
  const { forwarded } = setup();
  t.is(forwarded(' For = 198.51.100.1 ;proto=https'), '198.51.100.1');
  t.is(forwarded('for="198.51.100.1"'), '198.51.100.1');
  t.is(forwarded('for="198.51.100.1'), '127.0.0.1');
  t.is(forwarded('for=198.51.100.1"'), '127.0.0.1');
  t.is(forwarded('for=198.51.100.1 6.6.6.6'), '127.0.0.1');
});
