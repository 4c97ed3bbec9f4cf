import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Faults of an answer that do not depend on its format. */
export const brokenKinds = ['hang', 'reset', 'truncated', 'not_json', 'drip'] as const;
export type BrokenKind = (typeof brokenKinds)[number];

const json = { 'Content-Type': 'application/json' };

/** Answers with `text` in a broken way. A `hang` has no answer. */
export const answerBroken = async (kind: BrokenKind, text: string, response: ServerResponse): Promise<void> => {
  switch (kind) {
    case 'hang':
      return;
    case 'not_json':
      response.writeHead(200, json).end('<html>maintenance</html>');
      return;
    case 'truncated':
      response.writeHead(200, json).end(text.slice(0, text.length / 2));
      return;
    case 'reset':
      response.writeHead(200, { ...json, 'Content-Length': text.length });
      response.write(text.slice(0, text.length / 2));
      await sleep(20);
      response.socket?.resetAndDestroy();
      return;
    case 'drip':
      response.writeHead(200, json);
      for (const character of text) {
        if (response.destroyed) return;
        response.write(character);
        await sleep(50);
      }
      response.end();
  }
};
