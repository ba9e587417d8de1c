import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../src/load-config.ts';
import { startNode, type RunningNode } from '../src/node.ts';
import { temporaryFolder, type NodeSettings } from './node-process.ts';
import { RecordingLogger } from './store/harness.ts';

/** Starts a node in this process, on a free port and a folder of its own; it is stopped after the test. */
export async function runNode(settings: NodeSettings = {}): Promise<RunningNode> {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  const file = join(path, 'node.yaml');
  const keys = { node_id: 'node1', port: 0, data_dir: join(path, 'data'), ...settings };
  await writeFile(file, JSON.stringify(keys));
  const { config } = loadConfig({ path: file, env: {}, cwd: path, hostname: 'box' });
  const node = await startNode(config, { logger: new RecordingLogger() });
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= node.stop());
  onTestFinished(stop);
  return { ...node, stop };
}

/** `host:port` of a node, as its peers write it. */
export function addressOf({ url }: RunningNode): string {
  return new URL(url).host;
}
