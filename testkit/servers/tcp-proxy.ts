import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type TcpProxy = {
  readonly port: number;
  /** Ends every connection with a reset and refuses new ones at once. */
  readonly cut: () => void;
  /** Accepts, keeps open, passes nothing on in either direction. */
  readonly blackhole: () => void;
  /** As `blackhole`, but reads nothing either: as with a host that is lost, the buffers of the senders fill. */
  readonly freeze: () => void;
  readonly latency: (milliseconds: number) => void;
  /** Forwards new connections again. Connections from the time of the fault stay without answers. */
  readonly restore: () => void;
  readonly close: () => Promise<void>;
};

/** A TCP proxy before a real server, with which tests simulate network faults. */
export const createTcpProxy = async (options: {
  readonly target: { readonly host: string; readonly port: number };
}): Promise<TcpProxy> => {
  let mode: 'open' | 'cut' | 'blackhole' = 'open';
  let delay = 0;
  const sockets = new Set<Socket>();

  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  const pass = (from: Socket, to: Socket): void => {
    // One chain of promises for each direction keeps the order of the bytes in spite of the latency.
    let last = Promise.resolve();
    const after = async (before: Promise<void>, chunk: Buffer): Promise<void> => {
      await before;
      if (delay > 0) await sleep(delay);
      if (mode === 'open' && !to.destroyed) to.write(chunk);
    };
    from.on('data', (chunk) => {
      last = after(last, chunk);
    });
    from.once('close', () => void last.then(() => (mode === 'blackhole' ? undefined : to.destroy())));
  };

  const server = createServer((client) => {
    hold(client);
    if (mode === 'cut') client.resetAndDestroy();
    else if (mode === 'blackhole') client.resume();
    else {
      const upstream = connect(options.target);
      hold(upstream);
      pass(client, upstream);
      pass(upstream, client);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const drop = (): void => {
    for (const socket of sockets) {
      // A socket that is ending cannot be reset, because its handle would stay open forever.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      mode = 'cut';
      drop();
    },
    blackhole: () => void (mode = 'blackhole'),
    freeze: () => {
      mode = 'blackhole';
      for (const socket of sockets) socket.pause();
    },
    latency: (milliseconds) => void (delay = milliseconds),
    restore: () => {
      mode = 'open';
      delay = 0;
    },
    close: async () => {
      mode = 'cut';
      drop();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
};
