import { promisify } from 'node:util';
import { gzip, gzipSync, type ZlibOptions } from 'node:zlib';
import type { WriteRequest } from '../core/ports.ts';
import { Turns } from '../core/turns.ts';

/** Compresses in another thread. */
export const gzipLater = promisify<Uint8Array, ZlibOptions, Buffer>(gzip);

/** The quickest level: the next ones take longer and save no more than a hundredth of typical JSON. */
const level = 1;
/** A value up to this long is compressed at once, bytes: about 40 us. Handing it to a thread would cost more. */
const inlineBytesMax = 16_384;
/** Compressions at one time: of the four threads that Node has, one is for decompressing and one for syncing the log. */
const compressionsMax = 2;
/** Bytes of values that are being compressed or wait for it. A value beyond them is stored as it came. */
const compressingBytesMax = 64 * 1_024 * 1_024;
/** What a value must shrink to, at least, as a part of its length: less is not worth the time of its readers. */
const shareMax = 7 / 8;

type Put = Extract<WriteRequest, { kind: 'put' }>;

/** Compresses values that come from clients, where it pays. */
export class GzipPacker {
  readonly #bytesMin: number;
  readonly #compress: typeof gzipLater;
  readonly #turns = new Turns(compressionsMax);
  #bytes = 0;

  /** `bytesMin`: the shortest value that is compressed. `compress`: what compresses those that take long. */
  constructor(bytesMin: number, compress = gzipLater) {
    this.#bytesMin = bytesMin;
    this.#compress = compress;
  }

  /** The same writes in the same order, some of them with their values compressed. Small ones don't wait. */
  pack(requests: readonly WriteRequest[]): readonly WriteRequest[] | Promise<readonly WriteRequest[]> {
    if (!requests.some((request) => this.#isWorthTrying(request))) return requests;
    const packed = requests.map((request) =>
      this.#isWorthTrying(request) ? this.#packOne(request) : request,
    );
    return packed.every((one) => !(one instanceof Promise))
      ? (packed as readonly WriteRequest[])
      : Promise.all(packed.map(async (one) => one));
  }

  #isWorthTrying(request: WriteRequest): request is Put {
    return (
      request.kind === 'put' &&
      request.data.length >= this.#bytesMin &&
      request.encoding === undefined &&
      !isCompressed(request.contentType)
    );
  }

  #packOne(request: Put): WriteRequest | Promise<WriteRequest> {
    const { length } = request.data;
    if (length <= inlineBytesMax) return smaller(request, gzipSync(request.data, optionsFor(length)));
    return this.#bytes + length > compressingBytesMax ? request : this.#packLater(request);
  }

  async #packLater(request: Put): Promise<WriteRequest> {
    const { length } = request.data;
    this.#bytes += length;
    try {
      const packed = await this.#turns.run(() => this.#compress(request.data, optionsFor(length)));
      return smaller(request, packed);
    } finally {
      this.#bytes -= length;
    }
  }
}

/** One chunk takes it all: each further one would be another turn of the thread. */
function optionsFor(length: number): ZlibOptions {
  return { level, chunkSize: Math.max(length, 64) };
}

function smaller(request: Put, packed: Uint8Array): WriteRequest {
  if (packed.length > request.data.length * shareMax) return request;
  // A copy: what zlib returns is a part of a chunk as long as the value was.
  return { ...request, data: new Uint8Array(packed), encoding: 'gzip' };
}

const compressedType =
  /^(?:(?:image|video|audio)\/(?!svg|bmp|wav|x-wav|tiff)|font\/woff|application\/(?:[\w.-]*[.-])?(?:zip|gzip|zstd|zlib|bzip2?|brotli|7z-compressed|rar(?:-compressed)?|xz|lz4|lzip|compress|java-archive)\s*(?:;|$)|application\/[\w.-]+\+(?:zip|gzip|zstd)\s*(?:;|$))/i;

/** True for the types whose values are compressed by themselves. */
function isCompressed(contentType: string): boolean {
  return compressedType.test(contentType);
}
