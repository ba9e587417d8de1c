import { describe, expect, it } from 'vitest';
import { parsePath } from '../../src/core/key-path.ts';
import type { Version } from '../../src/core/version.ts';
import { peerContentType, peerPath } from '../../src/http/peer/peer-endpoint.ts';
import { decodeReply, encodeRequest } from '../../src/peers/wire.ts';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

const keysPerKind = 20;

function names(kind: string): string[] {
  return Array.from({ length: keysPerKind }, (_, n) => `${kind}/${n}`);
}

/** Gives a node a version as a peer would. */
async function push(node: RealNode, key: string, version: Partial<Version>): Promise<void> {
  const whole: Version = {
    uuid: '',
    timestamp: 0,
    counter: 0,
    origin: 'elsewhere',
    originJoined: 0,
    votes: 0,
    deleted: false,
    expiresAt: undefined,
    contentType: 'application/json',
    data: Buffer.from('null'),
    ...version,
  };
  const from = { id: 'elsewhere', storeId: 'store-elsewhere' };
  const versions = [{ path: parsePath(key), version: whole }];
  const body = encodeRequest({ cluster: 'kvs', from, to: node.id }, 'push', { versions, isRumour: false });
  const response = await fetch(`${node.url}${peerPath}`, {
    method: 'POST',
    headers: { 'Content-Type': peerContentType },
    body,
  });
  decodeReply('push', new Uint8Array(await response.arrayBuffer()));
}

describe('A partition', { timeout: clusterTestMs }, () => {
  it.each(['refuse', 'silent'] as const)(
    'in which calls meet with %s heals: all nodes are equal, and what was deleted stays deleted',
    async (mode) => {
      const cluster = await RealCluster.start(3);
      const [left, right, far] = [cluster.node(1), cluster.node(2), cluster.node(3)];
      await cluster.waitMembers(3);
      await cluster.waitWritable();
      const [kept, deletedLeft, deletedRight, both] = [
        names('kept'),
        names('deleted-left'),
        names('deleted-right'),
        names('both'),
      ];
      const before = [...kept, ...deletedLeft, ...deletedRight, ...both];
      await Promise.all(before.map((key, i) => cluster.node(1 + (i % 3)).put(key, 'before')));
      await cluster.waitEqual(before);

      cluster.separate([left], [right, far], mode);
      await Promise.all([
        ...deletedLeft.map((key) => left.del(key)),
        ...deletedRight.map((key) => right.del(key)),
        ...both.map((key) => left.put(key, 'left')),
        ...both.map((key) => far.put(key, 'far')),
        ...names('left').map((key) => left.put(key, 'left')),
        ...names('right').map((key) => right.put(key, 'right')),
      ]);
      const timestamp = Date.now();
      const uuids = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'];
      await push(left, 'rival', { uuid: uuids[0] ?? '', timestamp, data: Buffer.from('"left"') });
      await push(right, 'rival', { uuid: uuids[1] ?? '', timestamp, data: Buffer.from('"right"') });
      await cluster.waitState('node2', 'dead', [left]);
      await cluster.waitState('node3', 'dead', [left]);
      await cluster.waitState('node1', 'dead', [right, far]);
      // Nothing has come across.
      expect([await left.get('right/0'), await right.get('left/0')]).toEqual([undefined, undefined]);
      expect(await left.get('deleted-right/0')).toBe('before');
      // A later write by one who has seen the delete.
      await left.put('deleted-left/0', 'anew');
      cluster.mend();

      await cluster.waitMembers(3);
      await cluster.waitSameData();
      const after = await cluster.waitEqual([...before, ...names('left'), ...names('right'), 'rival']);
      const found = (keys: readonly string[]) => [...new Set(keys.map((key) => after[key]))];
      expect(found(kept)).toEqual(['before']);
      expect(found([...deletedLeft.slice(1), ...deletedRight])).toEqual([undefined]);
      expect(after['deleted-left/0']).toBe('anew');
      for (const value of found(both)) expect(['left', 'far']).toContain(value);
      expect([found(names('left')), found(names('right'))]).toEqual([['left'], ['right']]);
      expect(['left', 'right']).toContain(after['rival']);
    },
  );
});
