import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig, type LoadedConfig } from '../src/load-config.ts';

const configs = fileURLToPath(new URL('../configs', import.meta.url));

function load(name: string): LoadedConfig {
  return loadConfig({ path: join(configs, name), env: {}, cwd: tmpdir(), hostname: 'box' });
}

describe('The configurations that come with the project', () => {
  it('single.yaml is a node that stands alone', () => {
    const { config, warnings } = load('single.yaml');
    expect(config).toMatchObject({ node_id: 'standalone', port: 8080, seed_nodes: [] });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['node1.yaml', 8081, []],
    ['node2.yaml', 8082, ['127.0.0.1:8081']],
    ['node3.yaml', 8083, ['127.0.0.1:8081', '127.0.0.1:8082']],
  ])('%s is a node of a cluster on one machine', (name, port, seeds) => {
    const { config, warnings } = load(name);
    const id = name.replace('.yaml', '');
    expect(config).toMatchObject({ node_id: id, port, seed_nodes: seeds, bind_address: '127.0.0.1' });
    expect(config.data_dir).toBe(join(tmpdir(), id.replace('node', 'data')));
    expect(warnings).toEqual([]);
  });
});
