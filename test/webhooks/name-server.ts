import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';

/** Header with the response bits, the question as it was asked, an A record of TTL 0 for each address. */
const answer = (query: Buffer, addresses: readonly string[]): Buffer => {
  let end = 12;
  while (query[end] !== 0) end += query[end]! + 1;
  end += 5;
  const isA = query.readUInt16BE(end - 4) === 1;
  const records = (isA ? addresses : []).map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, end), ...records]);
};

/** A name server that knows every name by the same addresses; without any it is silent. */
export const startNameServer = async (
  t: { readonly teardown: (end: () => unknown) => void },
  addresses: readonly string[] | undefined,
): Promise<Resolver> => {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    if (addresses) socket.send(answer(query, addresses), port, address);
  });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  t.teardown(() => socket.close());
  const resolver = new Resolver({ timeout: 500, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return resolver;
};
