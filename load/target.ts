/** The target of the load, and a check that prevents load on the machine of another person by mistake. */

const loopback = /^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?\/?$/;

/** Base URL without a trailing slash. */
export const target = (__ENV['TARGET'] ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

if (!loopback.test(target) && __ENV['I_OWN_THE_TARGET'] !== target) {
  throw new Error(
    `${target} is not on this machine. To send load to it, set both variables: TARGET=${target} I_OWN_THE_TARGET=${target}`,
  );
}

export const api = `${target}/api/v1`;

/** The APIs of all instances of a run: TARGET, and SECOND_TARGET if a scenario has two instances on one database. */
export const apis: readonly string[] = [
  api,
  ...(__ENV['SECOND_TARGET'] === undefined ? [] : [`${__ENV['SECOND_TARGET'].replace(/\/$/, '')}/api/v1`]),
];
