import { describe, expect, it } from 'vitest';
import { KvsError } from '../../../src/core/errors.ts';
import type { KeyPath } from '../../../src/core/key-path.ts';
import { peerProtocol } from '../../../src/core/peer-calls.ts';
import { limits } from '../../../src/core/limits.ts';
import type { Version } from '../../../src/core/version.ts';
import { decodeReply, encodeRequest } from '../../../src/peers/wire.ts';
import { goneKey, losePowerAfterClaim } from './dead-member.ts';
import {
  complete,
  expectEverywhere,
  machine,
  makeCluster,
  put,
  read,
  readAll,
  running,
  settle,
  start,
  startCluster,
  stored,
  waitForRemoval,
} from './steps.ts';

/** The code that a call is refused with; undefined when it is not. */
async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error instanceof KvsError ? error.code : String(error);
  }
}

describe('a power loss', () => {
  it('right after an acknowledgement does not take what was acknowledged', async () => {
    const cluster = makeCluster({ nodes: 1 });
    await start(cluster, 0);
    machine(cluster, 0).disk.faults = { syncDelay: { minMs: 1, meanMs: 10, maxMs: 50 } };
    for (let at = 0; at < 20; at++) {
      await put(cluster, 0, `key/${at % 3}`, at);
      machine(cluster, 0).crash({ keepsSome: false });
      await start(cluster, 0);
      expect(await read(cluster, 0, `key/${at % 3}`)).toBe(at);
    }
    await settle(cluster);
    await cluster.check();
  });

  it('right after an exchange leaves a node that claims nothing that it does not hold', async () => {
    const cluster = await losePowerAfterClaim();
    await waitForRemoval(cluster, goneKey, [0, 1]);
    await start(cluster, 2);
    await settle(cluster);
    expect(await readAll(cluster, goneKey)).toEqual([undefined, undefined, undefined]);
    await cluster.check();
  });
});

describe('a version that a node was sent', () => {
  const good: Version = {
    uuid: '01234567-89ab-4def-8123-456789abcdef',
    timestamp: 1_700_000_000_000,
    counter: 0,
    origin: 'n1',
    originJoined: 1_700_000_000_000,
    votes: 0,
    deleted: false,
    expiresAt: undefined,
    contentType: 'application/json',
    data: new TextEncoder().encode('1'),
  };
  const bad: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'a uuid that is none': { uuid: 'uuid' },
    'a timestamp beyond all time': { timestamp: limits.timestampMsMax + 1 },
    'a timestamp that is no integer': { timestamp: 1.5 },
    'a timestamp that is no number': { timestamp: Number.NaN },
    'a negative counter': { counter: -1 },
    'a counter beyond four bytes': { counter: limits.counterMax + 1 },
    'too many votes': { votes: limits.votesMax + 1 },
    'an origin that is too long': { origin: 'n'.repeat(limits.nodeIdBytesMax + 1) },
    'a content type that no header can carry': { contentType: 'text/plain\r\nSet-Cookie: a=b' },
    'an expiry that is no number': { expiresAt: 'soon' },
    'a tombstone with data': { deleted: true },
    'data that is no bytes': { data: '1' },
    'a mark of deletion that is no flag': { deleted: 1 },
  };

  it('is refused as a whole message when it is malformed or out of bounds, and stops nobody', async () => {
    const cluster = await startCluster({ nodes: 2 });
    await put(cluster, 0, 'key', 'value');
    await settle(cluster);
    const { members } = running(cluster, 0).cluster;
    const { id, storeId } = members.self;
    const { service } = running(cluster, 1).cluster;
    const sendPush = async (path: string, version: Version): Promise<unknown> => {
      const envelope = { cluster: 'simulated', from: { id, storeId }, to: 'n2' };
      const versions = [
        { path: 'beside' as KeyPath, version: good },
        { path: path as KeyPath, version },
      ];
      const message = encodeRequest(envelope, 'push', { versions, isRumour: false });
      return decodeReply('push', await complete(cluster, service.answer(message)));
    };
    for (const [what, fields] of Object.entries(bad)) {
      const code = await codeOf(sendPush('bad', { ...good, ...fields }));
      expect({ what, code }).toEqual({ what, code: 'KVS_PEER_FAILED' });
    }
    for (const path of ['', '/', 'a//b', '../a', 'a\nb', 'x'.repeat(limits.pathBytesMax + 1)]) {
      expect({ path, code: await codeOf(sendPush(path, good)) }).toEqual({ path, code: 'KVS_PEER_FAILED' });
    }
    for (const bytes of [
      [],
      [0],
      [255, 255],
      [0x93, peerProtocol, 2, 3],
      Array.from({ length: 64 }, (_, at) => at),
    ]) {
      const answer = await complete(cluster, service.answer(Uint8Array.from(bytes)));
      const code = await codeOf(Promise.resolve(answer).then((reply) => decodeReply('push', reply)));
      expect(code).toBe('KVS_PEER_FAILED');
    }
    for (const path of ['beside', 'bad', 'a//b']) expect(await stored(cluster, 1, path)).toBeUndefined();
    await put(cluster, 1, 'key', 'newer');
    await settle(cluster);
    expect(await readAll(cluster, 'key')).toEqual(['newer', 'newer']);
    await cluster.check();
  });

  it('is taken by every node when one has taken it from a client, at the bounds too', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const longest = 'x'.repeat(limits.pathBytesMax);
    const oddest = ':x/_ts:/!v!/%2F/\u{1f511}/__proto__';
    for (const path of [longest, oddest, 'constructor']) await put(cluster, 0, path, 'value');
    const write = {
      kind: 'put',
      path: 'typed' as KeyPath,
      contentType: `text/${'x'.repeat(limits.contentTypeBytesMax - 5)}`,
      data: new Uint8Array(),
      expiresAt: limits.timestampMsMax,
    } as const;
    await complete(cluster, cluster.write('n1:80', write));
    await settle(cluster);
    for (const path of [longest, oddest, 'constructor']) {
      await expectEverywhere(cluster, path, 'value');
    }
    for (const index of [1, 2]) {
      expect(await stored(cluster, index, 'typed')).toMatchObject({ contentType: write.contentType });
    }
    await cluster.check();
  });
});
