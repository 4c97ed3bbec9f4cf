import { setTimeout as sleep } from 'node:timers/promises';
import { statementOn } from '#testkit/servers/replica.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const isExcluded = (_: Scrape, now: Scrape): boolean => now.sum('volwatch_replica_up') === 0;
const common = { group: 'replica', probe: 'read', codes: [], deadlineMs: 3_000, hasEffect: isExcluded } as const;

/** Callers must not notice the failure of a replica, because the primary answers. */
export const replicaCells: readonly Cell[] = [
  {
    ...common,
    name: 'cut',
    how: 'connections are reset and refused',
    inject: ({ links }) => links.replica.cut(),
    heal: ({ links }) => links.replica.heal(),
  },
  {
    ...common,
    name: 'black hole',
    how: 'bytes vanish, connections stay open',
    inject: ({ links }) => links.replica.addToxic({ type: 'timeout', attributes: { timeout: 0 } }),
    heal: ({ links }) => links.replica.heal(),
  },
  {
    ...common,
    name: 'lagging',
    how: 'replay is paused while refreshes go on, until the replica is too far behind',
    holdMs: 8_000,
    inject: ({ replicaUrl }) => statementOn(replicaUrl, 'select pg_wal_replay_pause()'),
    heal: ({ replicaUrl }) => statementOn(replicaUrl, 'select pg_wal_replay_resume()'),
  },
  {
    ...common,
    name: 'flapping',
    how: 'cut and healed five times within 3 s',
    holdMs: 0,
    inject: async ({ links }) => {
      for (let round = 0; round < 5; round += 1) {
        await links.replica.cut();
        await sleep(300);
        await links.replica.heal();
        await sleep(300);
      }
    },
    heal: ({ links }) => links.replica.heal(),
  },
];
