import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface PageFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly zipped: Buffer;
  /** Of its bytes. */
  readonly hash: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * The files of the page. They are read when somebody looks at it for the first time, and then kept: less than 1 MiB,
 * as a test holds.
 */
export class PageFiles {
  readonly #folder: string;
  #files: Promise<ReadonlyMap<string, PageFile>> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined when there is none of that name. */
  async get(name: string): Promise<PageFile | undefined> {
    this.#files ??= readAll(this.#folder);
    return (await this.#files).get(name);
  }
}

/** Of a folder that is not there, nothing. */
async function readAll(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const names = await readdir(folder).catch(() => []);
  const known = names.filter((name) => contentTypes[extname(name)] !== undefined);
  const files = await Promise.all(known.map((name) => readOne(folder, name)));
  return new Map(files.map((file) => [file.name, file]));
}

async function readOne(folder: string, name: string): Promise<PageFile> {
  const bytes = await readFile(join(folder, name));
  return {
    name,
    contentType: contentTypes[extname(name)] ?? '',
    bytes,
    zipped: await promisify(gzip)(bytes),
    hash: createHash('sha256').update(bytes).digest('base64url').slice(0, 22),
  };
}
