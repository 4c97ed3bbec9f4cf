/**
 * The minimal work that a Node server can do with these bodies: parse, price, write. It has no validation and no
 * metrics.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer, type Body } from './bare-answer.ts';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text =
      request.url === '/health/live'
        ? '{}'
        : JSON.stringify(answer(JSON.parse(Buffer.concat(chunks).toString()) as Body));
    response.setHeader('Content-Type', 'application/json');
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
