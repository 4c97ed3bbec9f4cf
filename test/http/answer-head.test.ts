import { ServerResponse } from 'node:http';
import test from 'ava';
import { responseWithHeaders } from '#src/http/server/answer-head.ts';

type Head = { _storeHeader?: unknown };

test.serial('a release of Node that writes the head of an answer in another way is refused', (t) => {
  const refused = { message: 'This release of Node writes the head of an answer in another way' };
  const { writeHead } = ServerResponse.prototype;
  t.teardown(() => {
    ServerResponse.prototype.writeHead = writeHead;
    delete (ServerResponse.prototype as Head)._storeHeader;
  });
  t.notThrows(() => responseWithHeaders(true));

  ServerResponse.prototype.writeHead = function writesItself(this: ServerResponse) {
    return Object.assign(this, { _header: 'HTTP/1.1 200 OK\r\n\r\n' });
  } as typeof writeHead;
  t.throws(() => responseWithHeaders(true), refused);
  ServerResponse.prototype.writeHead = writeHead;

  (ServerResponse.prototype as Head)._storeHeader = undefined;
  t.throws(() => responseWithHeaders(true), refused);
});
