/** Text of the error that pg-pool throws. */
const message = 'timeout exceeded when trying to connect';

/** The error of a request that waited too long for a connection, as pg-pool throws it. */
export const connectTimeout = (): Error => new Error(message);

export const isConnectTimeout = (error: unknown): boolean => error instanceof Error && error.message === message;
