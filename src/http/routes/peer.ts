import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { send } from '../answer.ts';
import type { BodyReader } from '../body.ts';
import { header, type HttpDeps, type KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { peerContentType, peerPath } from '../peer/peer-endpoint.ts';

/** `/internal/peer`: what nodes ask each other, as bytes. What they mean, a refusal too, is up to `peers`. */
export function mountPeer(app: KvsApp, { peers }: HttpDeps, bodies: BodyReader): void {
  app.post(peerPath, async (c) => {
    if (header(c, 'content-type') !== peerContentType) {
      throw new KvsError('KVS_BAD_REQUEST', `Content-Type must be ${peerContentType}`);
    }
    const reply = await peers.answer(await bodies.read(c, limits.messageBytesMax));
    return send(c, {
      status: 200,
      headers: { 'Content-Type': peerContentType, 'Content-Length': String(reply.length) },
      body: reply,
    });
  });

  allowOnly(app, peerPath, ['POST']);
}
