#!/usr/bin/env node
import { startsNode } from './cli/invocation.ts';

const args = process.argv.slice(2);

// Each loads what it needs only: a node no commands, and a command neither the store nor the configuration.
if (startsNode(args)) {
  const { runNode } = await import('./run-node.ts');
  await runNode(args);
} else {
  const { runCommand } = await import('./cli/run.ts');
  await runCommand(args);
}
