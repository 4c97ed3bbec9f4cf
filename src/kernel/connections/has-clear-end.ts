import type { IncomingMessage } from 'node:http';

/**
 * Whether every parser sees the end of a request in the same place. Node's parser takes every list of codings that ends in `chunked`,
 * and also one in HTTP/1.0, which has no chunks. A proxy may see another end of such a request (RFC 9112, section 6.1), or decode a
 * coding that would be ignored here. A request without a clear end must be refused, and be the last one of its connection.
 */
export const hasClearEnd = ({ httpVersion, headers }: Pick<IncomingMessage, 'httpVersion' | 'headers'>): boolean => {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return httpVersion === '1.1' || httpVersion === '1.0';
  return httpVersion === '1.1' && coding.trim().toLowerCase() === 'chunked';
};
