import type { RedisReason } from '#src/kernel/ports/redis.ts';

/** First words of error replies. */
const replies: Readonly<Record<string, RedisReason>> = {
  NOPERM: 'noperm',
  NOAUTH: 'noauth',
  WRONGPASS: 'wrongpass',
  READONLY: 'readonly',
  LOADING: 'loading',
  MOVED: 'moved',
  ASK: 'moved',
  TRYAGAIN: 'moved',
  CLUSTERDOWN: 'clusterdown',
  CROSSSLOT: 'crossslot',
  OOM: 'oom',
  MISCONF: 'misconf',
  NOREPLICAS: 'noreplicas',
  MASTERDOWN: 'masterdown',
  BUSY: 'busy',
};

/** Errors whose first word is not specific. An error inside a script begins with `ERR`. */
const phrases: readonly (readonly [RegExp, RedisReason])[] = [
  [
    /can't run this command|can't access at least one of the keys|ACL failure in script|has no permissions to/i,
    'noperm',
  ],
  [/unknown command|unknown subcommand/i, 'unknown_command'],
  [/non local key|same slot/i, 'crossslot'],
  [/cluster support disabled/i, 'moved'],
  [/timed? ?out/i, 'timeout'],
  [
    /None of startup nodes|Failed to refresh slots|isn't ready|writeable|closed|ECONN|EPIPE|disconnect/i,
    'not_connected',
  ],
];

/** Names the kind of a failed command. The cluster client wraps the last reply in a text of its own. */
export const redisReasonOf = (error: unknown): RedisReason => {
  const text = error instanceof Error ? error.message : String(error);
  const reply = text.replace(/^.*Last error: (\w*Error: )?/s, '');
  const word = /^[A-Z]+(?=\s|$)/.exec(reply)?.[0] ?? '';
  return replies[word] ?? phrases.find(([phrase]) => phrase.test(reply))?.[1] ?? 'other';
};

/** True if the command was not answered. Then the connection is the cause, and not the reply. */
export const isConnectionFailure = (reason: RedisReason): boolean => reason === 'timeout' || reason === 'not_connected';
