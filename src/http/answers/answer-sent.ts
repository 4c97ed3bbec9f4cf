import type { ServerResponse } from 'node:http';

/**
 * Resolves when the client has been sent the whole answer, or its connection is gone: from then on the answer holds
 * nothing. True if the kernel took all of it. Never rejects.
 */
export const answerSent = async (response: ServerResponse): Promise<boolean> =>
  new Promise((resolve) => {
    if (response.closed) resolve(response.writableFinished);
    // Node also closes responses that wait behind another one on a connection that ends.
    else response.once('close', () => resolve(response.writableFinished));
  });
