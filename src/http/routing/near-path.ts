import type { Route } from '#src/kernel/requests/route.ts';
import { nearestName } from '#src/kernel/requests/nearest-name.ts';

/**
 * @returns a function of a path without a route: the beginning of the paths that were probably meant, such as
 *   `/api/v1/assets` for `/api/v1/asset` and for `/assets`; undefined if no name is near. It compares the first name only,
 *   because requests without a route cost the caller nothing.
 */
export const createNearPath = (
  routes: readonly Pick<Route, 'path' | 'atRoot'>[],
  basePath: string,
): ((path: string) => string | undefined) => {
  const firstName = (path: string): string => path.split('/', 2)[1] ?? '';
  const names = [...new Set(routes.filter(({ atRoot }) => atRoot !== true).map(({ path }) => firstName(path)))];
  return (path) => {
    const isBelow = path.startsWith(`${basePath}/`);
    const wanted = firstName(isBelow ? path.slice(basePath.length) : path);
    const near = nearestName(wanted, names);
    // A right name below the base path: only the rest of the path is wrong, so the name does not help.
    return near === undefined || (isBelow && near === wanted) ? undefined : `${basePath}/${near}`;
  };
};
