import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { temporaryDirectory, type Teardown } from '#testkit/running-service.ts';
import type { Turns } from './turn-sampler.ts';

export type TurnSampler = {
  /** Settings of the service that is measured. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the sampler has measured since the last call. */
  readonly read: () => Promise<Turns>;
};

export const createTurnSampler = (t: Teardown): TurnSampler => {
  const socket = join(temporaryDirectory(t), 'turns.sock');
  return {
    environment: {
      // The pricing processes get neither of the two.
      NODE_OPTIONS: `--import=${new URL('turn-sampler.ts', import.meta.url).href}`,
      TURN_SAMPLER_SOCKET: socket,
    },
    read: async () => JSON.parse(await text(createConnection(socket))) as Turns,
  };
};
