import type { Point } from './growth.ts';

export type Panel = { readonly title: string; readonly unit: 'MiB' | ''; readonly points: readonly Point[] };

const width = 360;
const height = 130;
const pad = { left: 48, right: 10, top: 22, bottom: 18 };
const columns = 2;
const mebibyte = 1_048_576;
/** More points than pixels would only make the file larger. */
const maxPoints = 120;

const thinned = (points: readonly Point[]): readonly Point[] => {
  const step = Math.ceil(points.length / maxPoints);
  return points.filter((_, index) => index % step === 0);
};

const shown = (value: number, unit: Panel['unit']): string => {
  const scaled = unit === 'MiB' ? value / mebibyte : value;
  return scaled >= 10 ? scaled.toFixed(0) : scaled.toFixed(1);
};

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** @param seconds length of the run @param faults starts of the faults, in seconds @param warmUp end of the warm-up */
const panel = (
  { title, unit, points }: Panel,
  {
    seconds,
    faults,
    warmUp,
  }: { readonly seconds: number; readonly faults: readonly number[]; readonly warmUp: number },
): string => {
  const top = Math.max(...points.map(([, value]) => value), 1e-9) * 1.1;
  const x = (at: number): number => pad.left + (at / seconds) * (width - pad.left - pad.right);
  const y = (value: number): number => height - pad.bottom - (value / top) * (height - pad.top - pad.bottom);
  const line = thinned(points).map(
    ([at, value], index) => `${index === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`,
  );
  const marks = faults.map((at) => `M${x(at).toFixed(1)} ${height - pad.bottom}v-4`);
  return `<text class="title" x="${pad.left}" y="14">${escaped(title)}${unit === '' ? '' : `, ${unit}`}</text>
<rect class="warm" x="${pad.left}" y="${pad.top}" width="${(x(warmUp) - pad.left).toFixed(1)}" height="${height - pad.top - pad.bottom}"/>
<path class="axis" d="M${pad.left} ${height - pad.bottom}H${width - pad.right}"/>
<text x="${pad.left - 4}" y="${(y(top / 1.1) + 4).toFixed(1)}" text-anchor="end">${shown(top / 1.1, unit)}</text>
<text x="${pad.left - 4}" y="${height - pad.bottom}" text-anchor="end">0</text>
<text x="${width - pad.right}" y="${height - 4}" text-anchor="end">${Math.round(seconds / 60)} min</text>
<path class="fault" d="${marks.join('')}"/>
<path class="line" d="${line.join('')}"/>`;
};

/** All panels in one picture. The grey part is the warm-up, and each short mark at the axis is a fault. */
export const chartOf = (
  panels: readonly Panel[],
  run: { readonly seconds: number; readonly faults: readonly number[]; readonly warmUp: number },
): string => {
  const rows = Math.ceil(panels.length / columns);
  const placed = panels.map(
    (each, index) =>
      `<g transform="translate(${(index % columns) * width} ${Math.floor(index / columns) * height})">${panel(each, run)}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * width} ${rows * height}" font-family="sans-serif" font-size="10">
<style>rect.back{fill:#fff}.title{font-weight:bold}.warm{fill:#eee}.axis{stroke:#666}.line{stroke:#0b5cad;fill:none}.fault{stroke:#b3261e}text{fill:#222}</style>
<rect class="back" width="100%" height="100%"/>
${placed.join('\n')}
</svg>
`;
};
