import { promisify } from 'node:util';
import test from 'ava';
import { addressIn, createPublicLookup, isPublicAddress } from '#src/webhooks/sender/addresses.ts';
import { startNameServer } from './name-server.ts';

const hidden = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '168.63.129.16',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::a00:1',
  'fe80::1',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  'not an address',
  '',
];
const open = ['8.8.8.8', '172.15.0.1', '172.32.0.1', '100.128.0.1', '192.0.1.1', '2606:4700::1111', '2a00:1450::1'];

test('public addresses are accepted and all others are refused', (t) => {
  for (const address of hidden) t.false(isPublicAddress(address), address);
  for (const address of open) t.true(isPublicAddress(address), address);
});

test('an address in a URL is found however it is written', (t) => {
  for (const [host, address] of [
    ['127.1', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[0:0:0:0:0:ffff:127.0.0.1]', '::ffff:7f00:1'],
    ['localhost', undefined],
  ] as const) {
    t.is(addressIn(new URL(`https://${host}/`)), address, host);
  }
});

test('a name is resolved to public addresses, or not at all', async (t) => {
  const lookup = async (addresses: readonly string[]) =>
    promisify(createPublicLookup(await startNameServer(t, addresses)));
  const good = await lookup(['8.8.8.8', '1.1.1.1']);
  t.is(await good('hooks.example', {}), '8.8.8.8');
  t.deepEqual<unknown, unknown>(await good('hooks.example', { all: true }), [
    { address: '8.8.8.8', family: 4 },
    { address: '1.1.1.1', family: 4 },
  ]);
  for (const addresses of [['127.0.0.1'], ['169.254.169.254'], ['8.8.8.8', '10.0.0.1']]) {
    await t.throwsAsync((await lookup(addresses))('hooks.example', {}), { name: 'AddressRefusedError' });
  }
  await t.throwsAsync((await lookup([]))('hooks.example', {}), { message: /ENODATA|ENOTFOUND/ });
});

test('of the many addresses that a name can have, only the first ones are used', async (t) => {
  const addresses = Array.from({ length: 60 }, (_, number) => `8.8.8.${number + 1}`);
  const lookup = promisify(createPublicLookup(await startNameServer(t, addresses)));
  const found = (await lookup('hooks.example', { all: true })) as unknown as readonly object[];
  t.is(found.length, 8);
});
