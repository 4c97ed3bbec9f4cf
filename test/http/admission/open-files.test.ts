import test from 'ava';
import { connectionsWithin } from '#src/http/admission/open-files.ts';

const limits = (files: string): string => `Limit                     Soft Limit           Hard Limit           Units
Max processes             63432                63432                processes
Max open files            ${files.padEnd(21)}524288               files
Max locked memory         8388608              8388608              bytes
`;

test('connections leave file descriptors to everything else', (t) => {
  const within = (text: string): number => connectionsWithin({ total: 10_000, byAddress: 1_000 }, text).total;
  t.is(within(limits('1024')), 724);
  t.is(within(limits('10000')), 9_700);
  t.is(within(limits('65536')), 10_000);
  t.is(within(limits('256')), 128, 'half of few descriptors');
  t.is(within(limits('unlimited')), 10_000);
  t.is(within(''), 10_000, 'a system without this file');
});

test('an address keeps its share of the connections when a process has few file descriptors', (t) => {
  const within = (byAddress: number, files: string): number =>
    connectionsWithin({ total: 10_000, byAddress }, limits(files)).byAddress;
  t.is(within(1_000, '1024'), 72);
  t.is(within(1_000, '65536'), 1_000);
  t.is(within(10_000, '1024'), 724, 'the configuration lets one address take all');
  t.is(within(1, '1024'), 1);
  t.is(within(Number.POSITIVE_INFINITY, '1024'), Number.POSITIVE_INFINITY, 'there are no limits by caller');
});
