/** From the watcher: it is ready, and stops the server if the service ends. */
export const watching = 'watching\n';
/** From the service: the pid of the server. The watcher needs it if the directory with the pid file is deleted. */
export const serverIs = (pid: number): string => `server ${pid}\n`;
/** From the service: the server is stopped, and the watcher can end. */
export const serverStopped = 'stopped\n';
