import { describe, it } from 'vitest';
import { KvsClient } from '../../src/client/kvs-client.ts';
import { KvsLevel } from '../../src/drivers/kvs-level.ts';
import { startApp } from '../http/harness.ts';
import { passLevelSuite } from '../level-suite.ts';

describe("abstract-level's published test suite", () => {
  it('passes on KvsLevel, unmodified, over a socket', async () => {
    const { server } = await startApp({ maxValueBytes: 1_048_576 });
    const client = new KvsClient(`http://127.0.0.1:${server.port}`);
    let bases = 0;
    const factory = (options?: object) => new KvsLevel(client, `levels/${bases++}`, options);
    await passLevelSuite({ name: 'KvsLevel', assertionsMin: 4_000, factory });
  }, 300_000);
});
