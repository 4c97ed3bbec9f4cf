import test from 'ava';
import { connectionsWithin } from '#src/http/admission/open-files.ts';

const limits = (files: string): string => `Limit                     Soft Limit           Hard Limit           Units
Max processes             63432                63432                processes
Max open files            ${files.padEnd(21)}524288               files
Max locked memory         8388608              8388608              bytes
`;

test('connections leave file descriptors to everything else', (t) => {
  t.is(connectionsWithin(10_000, limits('1024')), 724);
  t.is(connectionsWithin(10_000, limits('10000')), 9_700);
  t.is(connectionsWithin(10_000, limits('65536')), 10_000);
  t.is(connectionsWithin(10_000, limits('256')), 128, 'half of few descriptors');
  t.is(connectionsWithin(10_000, limits('unlimited')), 10_000);
  t.is(connectionsWithin(10_000, ''), 10_000, 'a system without this file');
});
