import type { ServerResponse } from 'node:http';

/**
 * Resolves when the whole answer was sent or its connection is closed. Then the answer holds no memory any more. Never
 * rejects.
 * @returns true if the kernel has accepted the whole answer
 */
export const answerSent = async (response: ServerResponse): Promise<boolean> =>
  new Promise((resolve) => {
    if (response.closed) resolve(response.writableFinished);
    // Node also emits `close` for responses that wait behind another one when their connection ends.
    else response.once('close', () => resolve(response.writableFinished));
  });
