import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { answerOf } from '../../src/client/answer.ts';
import { fromBase64, toBase64 } from '../../src/client/base64.ts';
import { Patience } from '../../src/client/patience.ts';

const mebibyte = new Uint8Array(1_048_576);

/** A body of so many MiB. */
function body(mebibytes: number): ReadableStream<Uint8Array> {
  let left = mebibytes;
  return new ReadableStream({
    pull: (controller) => (left-- > 0 ? controller.enqueue(mebibyte) : controller.close()),
  });
}

function patience(): Patience {
  const patience = new Patience(60_000, undefined);
  onTestFinished(() => patience.end());
  return patience;
}

it('takes an answer of exactly the limit, and gives up a longer one', async () => {
  const answer = await answerOf(new Response(body(128)), patience());
  expect(answer.body.length).toBe(128 * 1_048_576);
  await expect(answerOf(new Response(body(129)), patience())).rejects.toMatchObject({
    code: 'KVS_BAD_ANSWER',
  });
});

it('writes Base64 as Node does, and reads it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 400 }), (some, times) => {
      const data = Uint8Array.from({ length: some.length * times }, (_, i) => some[i % some.length] ?? 0);
      const text = Buffer.from(data).toString('base64');
      expect(toBase64(data)).toBe(text);
      expect(fromBase64(text)).toEqual(data);
    }),
    { numRuns: 50 },
  );
});
