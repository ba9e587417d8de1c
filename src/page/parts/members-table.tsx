import { useState } from 'preact/hooks';
import type { MemberAnswer } from '../model/answers.ts';
import { count, dateTime, duration } from '../model/format.ts';
import { byTrouble, lagWarningMs, troubleOf } from '../model/trouble.ts';
import { live } from '../live.ts';
import { Ago, For } from './since.tsx';

/** Rows that stand there unasked; each further page has as many more as fit a screen or two. */
const rowsAtFirst = 12;
const rowsMore = 50;

/** Every member with how it goes with it, those in trouble first. */
export function MembersTable() {
  const [rowsMax, setRowsMax] = useState(rowsAtFirst);
  const members = byTrouble(live.members.value);
  const hiddenCount = Math.max(0, members.length - rowsMax);
  return (
    <>
      <table class="members">
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">Address</th>
            <th scope="col">Last seen</th>
            <th scope="col">Link</th>
            <th scope="col">Lag</th>
          </tr>
        </thead>
        <tbody>
          {members.slice(0, rowsMax).map((member) => (
            <Row key={member.id} member={member} />
          ))}
        </tbody>
      </table>
      {hiddenCount > 0 ? (
        <button type="button" class="more" onClick={() => setRowsMax(rowsMax + rowsMore)}>
          {count(Math.min(hiddenCount, rowsMore))} more of {count(hiddenCount)}
        </button>
      ) : null}
    </>
  );
}

function Row({ member }: { readonly member: MemberAnswer }) {
  const { id, address, state, link } = member;
  return (
    <tr class={troubleOf(member)} data-member={id}>
      <th scope="row">
        <span class={`dot ${troubleOf(member)}`} aria-hidden="true" />
        <span class="id">{id}</span>{' '}
        <span class={`state-word ${state}`}>{link === null ? 'this node' : state}</span>
      </th>
      <td data-label="Address">
        <code>{address}</code>
      </td>
      <td data-label="Last seen" title={dateTime(member.last_seen)}>
        {link === null ? '' : <Ago at={member.last_seen} />}
      </td>
      <td data-label="Link">{link === null ? '' : <LinkCell member={member} />}</td>
      <td data-label="Lag" class={link !== null && link.lag_ms >= lagWarningMs ? 'warn' : undefined}>
        {link === null
          ? ''
          : link.waiting === 0
            ? 'none'
            : `${duration(link.lag_ms)}, ${count(link.waiting)} waiting`}
      </td>
    </tr>
  );
}

function LinkCell({ member: { link } }: { readonly member: MemberAnswer }) {
  if (link === null) return null;
  if (link.failures > 0) {
    const calls = `${count(link.failures)} ${link.failures === 1 ? 'call' : 'calls'}`;
    return (
      <span class="bad" title={link.error ?? undefined}>
        failing{link.failing_since === null ? null : <ForSome since={link.failing_since} />}, {calls}
      </span>
    );
  }
  return (
    <>
      {link.round_trip_ms === null
        ? 'not called yet'
        : `answers in ${duration(Math.max(1, link.round_trip_ms))}`}
    </>
  );
}

function ForSome({ since }: { readonly since: number }) {
  return (
    <>
      {' '}
      for <For since={since} />
    </>
  );
}
