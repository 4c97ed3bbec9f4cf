/** The watcher to the service: from now on the server is stopped if the service is gone. */
export const watching = 'watching\n';
/** The service to the watcher: the process of the server, for when its pid file is deleted with the directory. */
export const serverIs = (pid: number): string => `server ${pid}\n`;
/** The service to the watcher: the server is stopped, nothing is left to do. */
export const serverStopped = 'stopped\n';
