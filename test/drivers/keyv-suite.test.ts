import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv } from 'keyv';
import * as vitest from 'vitest';
import { KvsClient } from '../../src/client/kvs-client.ts';
import { KeyvStore } from '../../src/drivers/keyv-store.ts';
import { makeApp, serve } from '../http/harness.ts';

const { afterAll, beforeAll, describe } = vitest;

// Some of the tests take it for granted that a value which lives for a second can be read before that is over.
describe("Keyv's published test suite, unmodified, over a socket", { retry: 2 }, () => {
  let client: KvsClient;
  let stop = async () => {};
  beforeAll(async () => {
    const under = await makeApp();
    under.clock.now = () => Date.now();
    const server = await serve(under.app);
    client = new KvsClient(`http://127.0.0.1:${server.port}`);
    stop = async () => {
      await server.close(0);
      await under.close();
    };
  });
  afterAll(() => stop());

  const newStore = () => new KeyvStore(client);
  keyvTestSuite(vitest, Keyv, newStore);
  keyvIteratorTests(vitest, Keyv, newStore);
});
