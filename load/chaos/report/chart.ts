import type { Timeline } from './timelines.ts';

export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!);

const width = 360;
const height = 110;
const pad = { left: 44, right: 8, top: 18, bottom: 16 };

const shown = (value: number): string =>
  value >= 1_000 ? value.toFixed(0) : value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);

type Window = { readonly from: number; readonly injected: number; readonly healed: number; readonly to: number };

/** Renders one small chart with the time of the fault shaded. Lines differ by dash pattern as well as by colour. */
export const chart = ({ title, unit, lines }: Timeline, { from, injected, healed, to }: Window): string => {
  const top = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)), 1e-9) * 1.08;
  const x = (at: number): number => pad.left + ((at - from) / (to - from)) * (width - pad.left - pad.right);
  const y = (value: number): number => height - pad.bottom - (value / top) * (height - pad.top - pad.bottom);
  const paths = lines.map(({ points }, index) => {
    const steps = points.map(
      ([at, value], position) => `${position === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    return `<path class="line line-${index % 6}" d="${steps.join('')}"/>`;
  });
  const names = lines.map(({ label }, index) => `<span class="key key-${index % 6}">${escapeHtml(label)}</span>`);
  return `<figure><figcaption>${escapeHtml(title)} <small>${escapeHtml(unit)}</small> ${names.join(' ')}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)} during the fault">
<rect class="fault" x="${x(injected).toFixed(1)}" y="${pad.top}" width="${Math.max(1, x(healed) - x(injected)).toFixed(1)}" height="${height - pad.top - pad.bottom}"/>
<line class="axis" x1="${pad.left}" x2="${width - pad.right}" y1="${y(0)}" y2="${y(0)}"/>
<text class="tick" x="${pad.left - 4}" y="${y(top / 1.08) + 4}" text-anchor="end">${shown(top / 1.08)}</text>
<text class="tick" x="${pad.left - 4}" y="${y(0)}" text-anchor="end">0</text>
<text class="tick" x="${x(injected).toFixed(1)}" y="${height - 3}">fault</text>
<text class="tick" x="${width - pad.right}" y="${height - 3}" text-anchor="end">${(to - from).toFixed(0)} s</text>
${paths.join('\n')}</svg></figure>`;
};
