import { delimiter, join } from 'node:path';
import { requirePython } from '../../support/python.ts';
import { emptyOutput, generatedDirectory, installOnce, run, toolsDirectory } from './run.ts';
import type { Target } from './target.ts';

const environmentDirectory = join(toolsDirectory, 'generated/python-environment');
const program = (name: string): string => join(environmentDirectory, 'bin', name);

const installPythonTools = (): void => {
  run(requirePython(), ['-m', 'venv', environmentDirectory]);
  installOnce('requirements.txt', environmentDirectory, () =>
    run(program('pip'), ['install', '--quiet', '--requirement', 'requirements.txt']),
  );
};

/** Generates with openapi-python-client and datamodel-code-generator, checks types with mypy, and calls the service. */
export const verifyPython = ({ document, arguments: credentials }: Target): void => {
  installPythonTools();
  const client = emptyOutput('volwatch_client');
  // The generator formats its output with ruff, which it looks for on PATH.
  run('env', [
    `PATH=${join(environmentDirectory, 'bin')}${delimiter}${process.env['PATH']}`,
    program('openapi-python-client'),
    'generate',
    '--path',
    document,
    '--output-path',
    client,
    '--meta',
    'none',
    '--overwrite',
    '--config',
    'python-client.yaml',
    '--fail-on-warning',
  ]);
  const models = emptyOutput('python-models');
  run(program('datamodel-codegen'), [
    '--input',
    document,
    '--input-file-type',
    'openapi',
    '--output',
    join(models, 'volwatch_models.py'),
    '--output-model-type',
    'pydantic_v2.BaseModel',
    '--target-python-version',
    '3.11',
    '--formatters',
    'builtin',
  ]);
  // The generated code breaks two rules: __exit__ passes any arguments on, and variables are declared twice.
  run(
    'env',
    [
      `MYPYPATH=${generatedDirectory}`,
      program('mypy'),
      '--package',
      'volwatch_client',
      '--disable-error-code',
      'arg-type',
      '--disable-error-code',
      'no-redef',
    ],
    generatedDirectory,
  );
  run('env', [`PYTHONPATH=${generatedDirectory}`, program('python'), 'calls/python_client.py', ...credentials]);
  run('env', [`PYTHONPATH=${models}`, program('python'), 'calls/pydantic_models.py', ...credentials]);
};
