export type WorkflowFiles = {
  /** The text of each workflow and action, by path. */
  readonly workflows: Readonly<Record<string, string>>;
  /** The text of .ci/run. */
  readonly ciRun: string;
  readonly scripts: Readonly<Record<string, string>>;
  /** The names that scripts/tools.ts builds. */
  readonly tools: readonly string[];
};

const ci = '.github/workflows/ci.yml';
const nightly = '.github/workflows/nightly.yml';
const npmScript = /\bnpm (?:run (?:-s )?)?(test|[a-z][a-z\d]*(?::[a-z]+)*)(?=[\s,"']|$)/gm;

/** The npm scripts that a text runs. */
export const scriptsIn = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(npmScript)]
      .filter(([whole, name]) => name !== 'run' && (whole.startsWith('npm run') || name === 'test'))
      .map(([, name]) => name!),
  );

/**
 * .ci/run lists at its end what it does not run. `bench:*` there names no script: most benchmarks compare with an earlier run on
 * the same machine, which a shared runner is not. A benchmark that has targets is listed by its name, so nightly must run it.
 */
const splitCiRun = (text: string): { readonly run: string; readonly notRun: string } => {
  const [, notRun = ''] = /cat <<'END'\n([\s\S]*?)\nEND\n/.exec(text) ?? [];
  return { run: text.replace(notRun, ''), notRun };
};

/** Steps of .ci/run that no job runs, commands that do not exist, and unknown programs. */
export const workflowFaults = ({ workflows, ciRun, scripts, tools }: WorkflowFiles): string[] => {
  const { run, notRun } = splitCiRun(ciRun);
  const inCi = scriptsIn(workflows[ci] ?? '');
  const inNightly = scriptsIn(workflows[nightly] ?? '');
  const everywhere = Object.entries(workflows).flatMap(([path, text]) =>
    [...scriptsIn(text)].map((name) => ({ path, name })),
  );
  const built = Object.entries(workflows).flatMap(([path, text]) =>
    [...text.matchAll(/tools: ([a-z0-9][a-z0-9 -]*)/g)].flatMap(([, names]) =>
      names!
        .trim()
        .split(' ')
        .map((name) => ({ path, name })),
    ),
  );
  return [
    ...everywhere
      .filter(({ path, name }) => scripts[name] === undefined && !path.endsWith('release.yml'))
      .map(({ path, name }) => `${path}: package.json has no script ${name}`),
    ...built
      .filter(({ name }) => !tools.includes(name))
      .map(({ path, name }) => `${path}: scripts/tools.ts does not build ${name}`),
    ...[...scriptsIn(run)]
      .filter((name) => name !== 'setup' && !inCi.has(name))
      .map((name) => `${ci}: no job runs ${name}, but .ci/run does`),
    ...[...scriptsIn(notRun)]
      .filter((name) => !inNightly.has(name))
      .map((name) => `${nightly}: no job runs ${name}, which .ci/run leaves out`),
  ];
};
