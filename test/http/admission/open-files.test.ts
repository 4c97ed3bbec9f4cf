import test from 'ava';
import { tooFewOpenFiles } from '#src/http/admission/open-files.ts';

const limits = (files: string): string => `Limit                     Soft Limit           Hard Limit           Units
Max processes             63432                63432                processes
Max open files            ${files.padEnd(21)}524288               files
Max locked memory         8388608              8388608              bytes
`;

test('a limit of file descriptors that is too low for the connections is found', (t) => {
  t.is(tooFewOpenFiles(10_000, limits('1024')), 1_024);
  t.is(tooFewOpenFiles(10_000, limits('10000')), 10_000, 'the other files need some');
  t.is(tooFewOpenFiles(10_000, limits('65536')), undefined);
  t.is(tooFewOpenFiles(10_000, limits('unlimited')), undefined);
  t.is(tooFewOpenFiles(10_000, ''), undefined, 'a system without this file');
});
