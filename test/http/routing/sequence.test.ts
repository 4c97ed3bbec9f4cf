import test from 'ava';
import { sequence } from '#src/http/routing/sequence.ts';
import type { HttpContext, HttpMiddleware } from '#src/http/routing/types.ts';

const ctx = {} as HttpContext;

test('steps run in order around each other, and a step may leave the rest out', async (t) => {
  const ran: string[] = [];
  const step =
    (name: string): HttpMiddleware =>
    async (_, next) => {
      ran.push(name);
      await next();
      ran.push(`/${name}`);
    };
  await sequence([step('a'), step('b')])(ctx, async () => void ran.push('end'));
  t.deepEqual(ran.splice(0), ['a', 'b', 'end', '/b', '/a']);
  await sequence([step('a'), async () => {}, step('b')])(ctx, async () => {});
  t.deepEqual(ran, ['a', '/a']);
});

test('a step that calls next a second time gets an error, and the rest runs once', async (t) => {
  let ran = 0;
  const twice: HttpMiddleware = async (_, next) => {
    await next();
    await next();
  };
  const run = sequence([twice, async () => void (ran += 1)]);
  await t.throwsAsync(async () => run(ctx, async () => {}), { message: 'next() called multiple times' });
  t.is(ran, 1);
});
