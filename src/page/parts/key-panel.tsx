import { useEffect, useState } from 'preact/hooks';
import { ask, encodedPath, Refusal, request } from '../ask.ts';
import type { VersionAnswer } from '../model/answers.ts';
import { bytes, count, dateTime } from '../model/format.ts';
import { shownValue, type ShownValue } from '../model/shown-value.ts';
import { hrefOf } from '../router.ts';
import { Empty } from './empty.tsx';
import { Ago } from './since.tsx';

/** A larger value is not fetched into the page. */
const fetchedBytesMax = 1_048_576;

type Found = VersionAnswer | 'none' | { readonly problem: string } | undefined;

/** One key: its version, where it came from, and when it is asked for its value. */
export function KeyPanel({ path }: { readonly path: string }) {
  const [found, setFound] = useState<Found>(undefined);
  const load = async (): Promise<void> => {
    try {
      const query = `/debug/keys/version?path=${encodeURIComponent(path)}`;
      setFound((await ask<{ version: VersionAnswer }>(query)).version);
    } catch (error) {
      setFound(error instanceof Refusal && error.status === 404 ? 'none' : { problem: String(error) });
    }
  };
  useEffect(() => void load(), [path]);
  return (
    <section class="panel key-panel" aria-labelledby="key-title">
      <Breadcrumbs path={path} />
      <h2 id="key-title">{path.slice(path.lastIndexOf('/') + 1)}</h2>
      <Details found={found} path={path} />
    </section>
  );
}

function Details({ found, path }: { readonly found: Found; readonly path: string }) {
  if (found === undefined) return <Empty title="Reading" />;
  if (found === 'none') return <Empty title="There is no version of this key on this node" />;
  if ('problem' in found) return <p class="notice bad">{found.problem}</p>;
  return (
    <>
      <Version version={found} />
      {found.state === 'live' ? <Value key={found.uuid} path={path} version={found} /> : null}
    </>
  );
}

function Breadcrumbs({ path }: { readonly path: string }) {
  const segments = path.split('/');
  if (segments.length === 1) return null;
  return (
    <p class="breadcrumbs">
      {segments.slice(0, -1).map((segment, index) => {
        const above = segments.slice(0, index + 1).join('/');
        return (
          <span key={above}>
            <a href={hrefOf('keys', above)}>{segment}</a> /{' '}
          </span>
        );
      })}
    </p>
  );
}

function Version({ version }: { readonly version: VersionAnswer }) {
  const facts: readonly (readonly [string, preact.ComponentChildren])[] = [
    ['State', <span class={`state-word ${version.state}`}>{version.state}</span>],
    ['Written at', <strong>{version.origin}</strong>],
    [
      'Written',
      <>
        {dateTime(version.timestamp)} (<Ago at={version.timestamp} />)
      </>,
    ],
    ['Counter', count(version.counter)],
    ['Version', <code>{version.uuid}</code>],
    ['Votes', version.votes === 0 ? 'never voted on' : count(version.votes)],
    ['That node since', dateTime(version.origin_joined)],
    ...(version.expires_at === null ? [] : [['Expires', dateTime(version.expires_at)] as const]),
    ...(version.state === 'deleted'
      ? []
      : [['Type', <code>{version.content_type}</code>] as const, ['Size', bytes(version.bytes)] as const]),
  ];
  return (
    <dl class="facts">
      {facts.map(([name, fact]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{fact}</dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ path, version }: { readonly path: string; readonly version: VersionAnswer }) {
  const [value, setValue] = useState<ShownValue | { readonly problem: string } | undefined>(undefined);
  const href = `/kv/${encodedPath(path)}`;
  const load = async (): Promise<void> => {
    try {
      const response = await request(href);
      const type = response.headers.get('content-type') ?? '';
      setValue(shownValue(new Uint8Array(await response.arrayBuffer()), type));
    } catch (error) {
      setValue({ problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const isLarge = version.bytes > fetchedBytesMax;
  return (
    <div class="value">
      <div class="panel-head">
        <h3>Value</h3>
        <a href={href} download={path.slice(path.lastIndexOf('/') + 1)}>
          Download
        </a>
      </div>
      {value === undefined ? (
        <button type="button" disabled={isLarge} onClick={() => void load()}>
          {isLarge ? 'Too large to be shown here' : 'Show the value'}
        </button>
      ) : 'problem' in value ? (
        <p class="notice bad">{value.problem}</p>
      ) : (
        <>
          <pre tabIndex={0}>{value.text}</pre>
          {value.note === '' ? null : <p class="muted">{value.note}</p>}
        </>
      )}
    </div>
  );
}
