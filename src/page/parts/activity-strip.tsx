import { useEffect, useRef } from 'preact/hooks';
import { live } from '../live.ts';
import { laneColor, lanes } from '../lanes.ts';
import { colors } from '../theme.ts';

const laneHeight = 18;
const redrawMs = 250;

/** The last minute of all actors, a lane for each: the more happened in half a second, the taller its mark. */
export function ActivityStrip() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const names = lanes(live.actors.value);
  const theme = colors.value;
  useEffect(() => {
    const draw = () => {
      if (canvas.current !== null && !document.hidden) drawLanes(canvas.current, names);
    };
    draw();
    const timer = setInterval(draw, redrawMs);
    return () => clearInterval(timer);
  }, [names.join(' '), theme]);
  return (
    <div class="strip">
      <ul aria-hidden="true">
        {names.map((name) => (
          <li key={name}>{name}</li>
        ))}
      </ul>
      <canvas
        ref={canvas}
        height={names.length * laneHeight}
        role="img"
        aria-label="How busy each actor was in the last minute; the timeline lists it"
      />
      <p class="axis" aria-hidden="true">
        <span>a minute ago</span>
        <span>now</span>
      </p>
    </div>
  );
}

function drawLanes(canvas: HTMLCanvasElement, names: readonly string[]): void {
  const { activity } = live;
  activity.advance(live.now());
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = names.length * laneHeight;
  if (width === 0) return;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(ratio, ratio);
  context.clearRect(0, 0, width, height);
  const step = width / activity.bucketCount;
  names.forEach((name, lane) => {
    const middle = lane * laneHeight + laneHeight / 2;
    context.fillStyle = laneColor(name);
    context.globalAlpha = 0.18;
    context.fillRect(0, middle - 0.5, width, 1);
    activity.counts(name).forEach((count, bucket) => {
      if (count === 0) return;
      const share = Math.min(1, Math.log2(1 + count) / 8);
      const tall = 4 + share * (laneHeight - 6);
      context.globalAlpha = 0.55 + 0.45 * share;
      context.fillRect(bucket * step, middle - tall / 2, Math.max(1.5, step - 1.5), tall);
    });
  });
  context.globalAlpha = 1;
}
