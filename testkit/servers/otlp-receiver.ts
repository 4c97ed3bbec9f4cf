import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../eventually.ts';
import type { Teardown } from '../running-service.ts';

export type OtlpReceiver = {
  readonly url: string;
  /** All bodies received so far, concatenated. They are protobuf, which contains ids and texts unchanged. */
  readonly bytes: () => Buffer;
  /** Each body by itself. With OTEL_EXPORTER_OTLP_PROTOCOL=http/json each is a JSON document. */
  readonly bodies: () => readonly Buffer[];
  /** The bodies of one signal, by the last part of their path. */
  readonly ofSignal: (signal: 'traces' | 'metrics' | 'logs') => readonly Buffer[];
  /** Waits for a span of this trace. @throws Error if none arrives within `timeoutMs` */
  readonly received: (traceId: string, timeoutMs?: number) => Promise<void>;
  /** Ends the outage of a receiver that was started with `down`. */
  readonly recover: () => void;
};

export type OtlpReceiverOptions = {
  /** Closes each connection at once, until `recover` is called. The port is held meanwhile. */
  readonly down?: boolean;
};

/** An OpenTelemetry collector that accepts everything and keeps it. */
export const startOtlpReceiver = async (
  t: Teardown,
  { down = false }: OtlpReceiverOptions = {},
): Promise<OtlpReceiver> => {
  let isDown = down;
  const bodies: Buffer[] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      paths.push(request.url ?? '');
      response.writeHead(200, { 'Content-Type': request.headers['content-type'] ?? 'application/x-protobuf' }).end();
    });
  });
  server.on('connection', (socket) => {
    if (isDown) socket.destroy();
  });
  await new Promise<void>((done, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', done);
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const ofSignal: OtlpReceiver['ofSignal'] = (signal) =>
    bodies.filter((_, index) => paths[index]?.endsWith(`/${signal}`));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => Buffer.concat(bodies),
    bodies: () => bodies,
    ofSignal,
    recover: () => {
      isDown = false;
    },
    received: (traceId, timeoutMs) =>
      eventually(
        () => Buffer.concat(ofSignal('traces')).includes(Buffer.from(traceId, 'hex')),
        `a span of trace ${traceId}`,
        timeoutMs,
      ),
  };
};
