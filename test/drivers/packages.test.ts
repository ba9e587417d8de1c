import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const root = new URL('../../', import.meta.url);

it('can be imported by the names of the package, with types', async () => {
  const program = `
    import { KvsClient } from 'kvs/client';
    import { KeyvStore } from 'kvs/keyv';
    import { KvsLevel } from 'kvs/level';
    const client = new KvsClient('http://127.0.0.1:1');
    console.log(new KvsLevel(client, 'apps/shop').keyBytesMax, new KeyvStore(client).opts.dialect);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: fileURLToPath(root),
  });
  expect(stdout).toBe('759 redis\n');
  for (const name of ['./keyv', './level'] as const)
    await access(new URL(manifest.exports[name].types, root));
});
