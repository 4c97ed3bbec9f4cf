import test from 'ava';
import { createNearPath } from '#src/http/routing/near-path.ts';

const nearPath = createNearPath(
  [
    { path: '/assets' },
    { path: '/assets/{symbol}/prices' },
    { path: '/universes/{name}' },
    { path: '/pricing/price' },
    { path: '/health', atRoot: true },
  ],
  '/api/v1',
);

test('a misspelt path and a path without the base path get the path that was probably meant', (t) => {
  t.is(nearPath('/api/v1/asset'), '/api/v1/assets');
  t.is(nearPath('/assets'), '/api/v1/assets');
  t.is(nearPath('/asets/AAPL/prices'), '/api/v1/assets');
  t.is(nearPath('/api/v1/universe/tech5'), '/api/v1/universes');
});

test('nothing is suggested if no name is near, or if the name is right', (t) => {
  for (const path of ['/', '/api/v1', '/api/v1/', '/favicon.ico', '/api/v1/pricing/prize', `/${'a'.repeat(10_000)}`]) {
    t.is(nearPath(path), undefined, path.slice(0, 30));
  }
});
