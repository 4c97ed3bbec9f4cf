import { parse } from 'yaml';
import { scriptsIn } from './workflow-faults.ts';

type Variant = { readonly command?: string; readonly tools?: string };
type Job = {
  readonly strategy?: { readonly matrix?: { readonly include?: readonly Variant[] } };
  readonly steps?: readonly { readonly run?: string; readonly with?: { readonly tools?: string } }[];
};

/** A job, or each variant of its matrix, with the commands that it runs and the programs that it has. */
const variantsOf = ({
  strategy,
  steps = [],
}: Job): { readonly commands: string; readonly tools: readonly string[] }[] => {
  const commands = steps.map(({ run = '' }) => run).join('\n');
  const named = steps.map((step) => step.with?.tools ?? '').join(' ');
  return (strategy?.matrix?.include ?? [{}]).map(({ command = '', tools = '' }) => ({
    commands: `${commands}\n${command}`,
    tools: `${named} ${tools}`.split(/\s+/),
  }));
};

/**
 * Programs that a job's scripts use, but that the job does not build.
 * @param neededBy the names for scripts/tools.ts that an npm script needs
 */
export const toolFaults = (
  workflows: Readonly<Record<string, string>>,
  neededBy: (npmScript: string) => readonly string[],
): string[] =>
  Object.entries(workflows).flatMap(([path, text]) =>
    Object.values((parse(text) as { readonly jobs?: Readonly<Record<string, Job>> } | null)?.jobs ?? {})
      .flatMap(variantsOf)
      .flatMap(({ commands, tools }) =>
        [...scriptsIn(commands)].flatMap((script) =>
          neededBy(script)
            .filter((tool) => !tools.includes(tool))
            .map((tool) => `${path}: npm run ${script} needs ${tool}, which its job does not build`),
        ),
      ),
  );
