import { isIP } from 'node:net';

/** True if data for this host stay on this machine: loopback, or the directory of a Unix socket. */
export const isLocalHost = (host: string): boolean => {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name.startsWith('/') || name === 'localhost' || name.endsWith('.localhost')) return true;
  return isIP(name) === 4 ? name.startsWith('127.') : name === '::1' || /^::ffff:127\.\d+\.\d+\.\d+$/.test(name);
};
