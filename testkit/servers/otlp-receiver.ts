import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../eventually.ts';
import type { Teardown } from '../running-service.ts';

export type OtlpReceiver = {
  readonly url: string;
  /** All bodies received so far, concatenated. They are protobuf, which contains ids and texts unchanged. */
  readonly bytes: () => Buffer;
  /** Waits for a span of this trace. @throws Error if none arrives within `timeoutMs` */
  readonly received: (traceId: string, timeoutMs?: number) => Promise<void>;
};

/** An OpenTelemetry collector that accepts everything and keeps it. */
export const startOtlpReceiver = async (t: Teardown): Promise<OtlpReceiver> => {
  const chunks: Buffer[] = [];
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const bytes = (): Buffer => Buffer.concat(chunks);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes,
    received: (traceId, timeoutMs) =>
      eventually(() => bytes().includes(Buffer.from(traceId, 'hex')), `a span of trace ${traceId}`, timeoutMs),
  };
};
