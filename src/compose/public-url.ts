import type { Config } from '../config/index.ts';
import { withoutSlash } from './identity/issuer.ts';

/** The URL of this service for its clients. Never the Host header, which the caller writes. */
export type PublicUrl = {
  /** PUBLIC_URL, else the listening address. Without a slash at its end. */
  readonly read: () => string;
  /** Must be called when the service listens, because PORT can be 0. */
  readonly listensAt: (url: string) => void;
};

export const createPublicUrl = ({ PUBLIC_URL, HOST, PORT }: Config): PublicUrl => {
  let url = withoutSlash(PUBLIC_URL ?? `http://${HOST}:${PORT}`);
  return {
    read: () => url,
    listensAt: (address) => {
      if (PUBLIC_URL === undefined) url = withoutSlash(address);
    },
  };
};
