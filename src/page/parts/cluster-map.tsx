import { useEffect, useRef } from 'preact/hooks';
import { live } from '../live.ts';
import type { MemberAnswer } from '../model/answers.ts';
import type { Point } from '../model/chart.ts';
import { ringPlaces } from '../model/ring.ts';
import { troubleOf } from '../model/trouble.ts';
import { isCalm } from '../theme.ts';

/** With more members only those in trouble have their names written. */
const namedMax = 14;
const troubledNamesMax = 12;
/** Pushes that are on their way in the picture at one time. */
const pulsesMax = 12;
const pulseMs = 650;
const pusherPrefix = 'replicator.pusher-';

/** The members around this node; each line is the link to one, and each light on it a push. */
export function ClusterMap() {
  const svg = useRef<SVGSVGElement>(null);
  const members = live.members.value;
  const self = members.find(({ link }) => link === null);
  const others = members.filter(({ link }) => link !== null);
  const isCrowd = others.length > namedMax;
  const shape = isCrowd
    ? { firstRadius: 62, ringGap: 22, spacing: 20 }
    : { firstRadius: others.length <= 4 ? 105 : 120, ringGap: 60, spacing: 50 };
  const places = ringPlaces(others.length, shape);
  const halfWidth = Math.max(130, ...places.map(({ x }) => Math.abs(x))) + (isCrowd ? 40 : 70);
  const halfHeight = Math.max(36, ...places.map(({ y }) => Math.abs(y))) + 34;
  const names = namesOf(others, places, isCrowd);
  usePulses(svg);
  if (self === undefined) return null;
  return (
    <svg
      ref={svg}
      class={isCrowd ? 'cluster-map crowd' : 'cluster-map'}
      viewBox={`${-halfWidth} ${-halfHeight} ${2 * halfWidth} ${2 * halfHeight}`}
      role="img"
      aria-label={`${self.id} and ${others.length} other members; the table lists them`}
    >
      {others.map((member, index) => {
        const place = places[index] ?? { x: 0, y: 0 };
        return (
          <line key={member.id} class={`link ${linkOf(member)}`} x1={0} y1={0} x2={place.x} y2={place.y} />
        );
      })}
      <g class="pulses" />
      {others.map((member, index) => (
        <Member
          key={member.id}
          member={member}
          place={places[index] ?? { x: 0, y: 0 }}
          radius={isCrowd ? 5 : 11}
        />
      ))}
      {names.map(({ id, x, y }) => (
        <text key={id} class="name" x={x} y={y}>
          {shortened(id)}
        </text>
      ))}
      <circle class="self" r={isCrowd ? 14 : 20} />
      <text class="name self-name" y={isCrowd ? 30 : 40}>
        {shortened(self.id)}
      </text>
    </svg>
  );

  function linkOf(member: MemberAnswer): string {
    const trouble = troubleOf(member);
    return trouble === 'none' ? 'well' : trouble;
  }
}

interface MemberProps {
  readonly member: MemberAnswer;
  readonly place: Point;
  readonly radius: number;
}

function Member({ member, place, radius }: MemberProps) {
  return (
    <g class={`member ${troubleOf(member)}`} data-member={member.id} data-x={place.x} data-y={place.y}>
      <circle cx={place.x} cy={place.y} r={radius}>
        <title>
          {member.id}, {member.state}
        </title>
      </circle>
    </g>
  );
}

interface Name extends Point {
  readonly id: string;
}

/** Where the names stand: below or above their members, and none where it would stand upon another one. */
function namesOf(members: readonly MemberAnswer[], places: readonly Point[], isCrowd: boolean): Name[] {
  const names: Name[] = [];
  const letter = isCrowd ? 7 : 8.5;
  members.forEach((member, index) => {
    const place = places[index];
    if (place === undefined || (isCrowd && troubleOf(member) === 'none')) return;
    if (names.length >= (isCrowd ? troubledNamesMax : namedMax)) return;
    const radius = isCrowd ? 5 : 11;
    const y = place.y + (place.y < -radius ? -radius - (isCrowd ? 4 : 8) : radius + (isCrowd ? 12 : 16));
    const isFree = [{ id: 'self', x: 0, y: 30 }, ...names].every(
      (other) =>
        Math.abs(other.y - y) > 13 ||
        Math.abs(other.x - place.x) >
          (letter * (shortened(other.id).length + shortened(member.id).length)) / 2,
    );
    if (isFree) names.push({ id: member.id, x: place.x, y });
  });
  return names;
}

/** A push to a member runs along its line as a light. */
function usePulses(svg: { readonly current: SVGSVGElement | null }): void {
  const ids = [...live.actors.value.keys()].filter((id) => id.startsWith(pusherPrefix));
  useEffect(() => {
    const stops = ids.map((id) =>
      live.watch(id, (transitions) => {
        if (transitions.some(({ to }) => to === 'sending')) pulse(svg.current, id.slice(pusherPrefix.length));
      }),
    );
    return () => stops.forEach((stop) => stop());
  }, [ids.join('\n')]);
}

function pulse(svg: SVGSVGElement | null, member: string): void {
  if (svg === null || isCalm()) return;
  const place = svg.querySelector(`[data-member="${CSS.escape(member)}"]`);
  const pulses = svg.querySelector('.pulses');
  if (place === null || pulses === null || pulses.childElementCount >= pulsesMax) return;
  const light = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
  light.setAttribute('class', 'pulse');
  light.setAttribute('r', '4');
  pulses.append(light);
  const [x, y] = [place.getAttribute('data-x'), place.getAttribute('data-y')];
  const run = light.animate(
    [
      { transform: 'translate(0px, 0px)', opacity: 0 },
      { opacity: 1, offset: 0.2 },
      { transform: `translate(${x}px, ${y}px)`, opacity: 0.2 },
    ],
    { duration: pulseMs, easing: 'ease-in-out' },
  );
  run.addEventListener('finish', () => light.remove());
  run.addEventListener('cancel', () => light.remove());
}

function shortened(id: string): string {
  return id.length > 16 ? `${id.slice(0, 15)}…` : id;
}
