import { ServerResponse } from 'node:http';
import test from 'ava';
import { responseWithHeaders } from '#src/http/server/answer-head.ts';

type Head = { _storeHeader?: unknown };

test.serial('a release of Node that writes the head of an answer in another way is refused', (t) => {
  const refused = { message: 'This release of Node writes the head of an answer in another way' };
  const own = Object.getOwnPropertyDescriptor(ServerResponse.prototype, 'writeHead')!;
  const restore = (): unknown => Object.defineProperty(ServerResponse.prototype, 'writeHead', own);
  t.teardown(() => {
    restore();
    delete (ServerResponse.prototype as Head)._storeHeader;
  });
  t.notThrows(() => responseWithHeaders(true));

  ServerResponse.prototype.writeHead = function writesItself(this: ServerResponse) {
    return Object.assign(this, { _header: 'HTTP/1.1 200 OK\r\n\r\n' });
  } as ServerResponse['writeHead'];
  t.throws(() => responseWithHeaders(true), refused);
  restore();

  (ServerResponse.prototype as Head)._storeHeader = undefined;
  t.throws(() => responseWithHeaders(true), refused);
});
