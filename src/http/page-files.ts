import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file that browsers get, plain or packed. */
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

  /** The name of the file that has this one, and `-` and what stands for its content behind it. */
  async nameOf(stem: string, extension: string): Promise<string | undefined> {
    this.#files ??= readAll(this.#folder);
    const names = [...(await this.#files).keys()];
    return names.find((name) => name.startsWith(`${stem}-`) && name.endsWith(extension));
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
  return pageFile(name, contentTypes[extname(name)] ?? '', await readFile(join(folder, name)));
}

/** A file that is made rather than read. */
export async function pageFile(name: string, contentType: string, bytes: Buffer): Promise<PageFile> {
  return {
    name,
    contentType,
    bytes,
    zipped: await promisify(gzip)(bytes),
    hash: createHash('sha256').update(bytes).digest('base64url').slice(0, 22),
  };
}
