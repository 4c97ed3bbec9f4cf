import test from 'ava';
import { hostCookieIn } from '#src/kernel/credentials/cookies.ts';

const name = '__Host-session';
const read = (header: string | undefined) => hostCookieIn(header, name, /^v[\w-]{3}$/);

test('a cookie is found by its exact name, with spaces and tabs around it', (t) => {
  t.is(read('__Host-session=v123'), 'v123');
  t.is(read('a=__Host-session=v456; x__Host-session=v456; __Host-session=v123; c'), 'v123');
  t.is(read('a=b; \t__Host-session = v123 ; c=d'), 'v123');
  for (const header of [
    undefined,
    '',
    '__Host-session',
    '__host-session=v123',
    '__Host-session2=v123',
    'x__Host-session=v123',
  ])
    t.is(read(header), undefined);
});

test('other characters that look like spaces belong to the name, because a browser does not see the prefix then', (t) => {
  for (const blank of ['\u00a0', '\u0085', '\u000b', '\u000c', '\ufeff', '\u2003']) {
    t.is(read(`${blank}__Host-session=v123`), undefined, encodeURIComponent(blank));
    t.is(read(`__Host-session=${blank}v123`), undefined, encodeURIComponent(blank));
  }
});

test('two cookies of the name, and values of another shape, are not used', (t) => {
  t.is(read('__Host-session=v123; __Host-session=v456'), undefined);
  t.is(read('__Host-session=v123; __Host-session=x'), undefined);
  t.is(read('__Host-session=v12'), undefined);
  t.is(read('__Host-session=v123=x'), undefined);
});
