import { randomUUID } from 'node:crypto';
import { fetch } from 'undici';
import { parsePath } from '../../src/core/key-path.ts';
import type { KeyVersion } from '../../src/core/version.ts';
import { peerContentType, peerPath } from '../../src/http/peer/peer-endpoint.ts';
import { decodeReply, encodeRequest } from '../../src/peers/wire.ts';
import type { RealNode } from '../cluster/real-node.ts';
import { waitFor } from '../cluster/wait-for.ts';

const deadlineMs = 60_000;

/**
 * Makes two nodes hold versions of one instant of one key, and tells the first of both, so that it lets the members
 * vote; settles with the key when it has decided. Should a comparison be quicker, and the second node decide, it is done
 * again with another key.
 */
export async function makeRivals(first: RealNode, second: RealNode): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const key = `test/conflict-${attempt}`;
    const timestamp = Date.now();
    const own = versionOf(key, first.id, timestamp);
    const rival = versionOf(key, second.id, timestamp);
    await push(second, first, own);
    await push(first, second, rival);
    await push(second, first, rival);
    const winner = await waitFor(
      { what: `a decision on ${key}` },
      async () => {
        const deciders = await Promise.all([first, second].map((node) => hasDecided(node, key)));
        return deciders[0] === true ? first : deciders[1] === true ? second : undefined;
      },
      deadlineMs,
    );
    if (winner === first) return key;
  }
}

function versionOf(key: string, origin: string, timestamp: number): KeyVersion {
  return {
    path: parsePath(key),
    version: {
      uuid: randomUUID(),
      timestamp,
      counter: 0,
      origin,
      // The first of two, by their ids, is the older one.
      originJoined: 1_700_000_000_000 + origin.charCodeAt(origin.length - 1),
      votes: 0,
      deleted: false,
      expiresAt: undefined,
      contentType: 'application/json',
      data: Buffer.from(JSON.stringify({ from: origin })),
    },
  };
}

/** Pushes a version as a member does. */
async function push(from: RealNode, to: RealNode, version: KeyVersion): Promise<void> {
  const envelope = { cluster: 'kvs', from: { id: from.id, storeId: await storeIdOf(from) }, to: to.id };
  const message = encodeRequest(envelope, 'push', { versions: [version], isRumour: false });
  const response = await fetch(to.url + peerPath, {
    method: 'POST',
    headers: { 'Content-Type': peerContentType },
    body: message,
  });
  if (!response.ok) throw new Error(`${to.id} answered a push with ${response.status}`);
  decodeReply('push', new Uint8Array(await response.arrayBuffer()));
}

async function storeIdOf(node: RealNode): Promise<string> {
  return ((await node.json('/debug/store')) as { store_id: string }).store_id;
}

async function hasDecided(node: RealNode, key: string): Promise<boolean> {
  const [resolver] = (await node.json('/debug/actors?id=conflict-resolver')) as [
    { context: { decisions: readonly { path: string }[] } },
  ];
  return resolver.context.decisions.some(({ path }) => path === key);
}
