type GridPos = { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
type Placed = { readonly type?: string; readonly gridPos?: GridPos | undefined };

/** Columns of Grafana's grid. */
export const gridWidth = 24;

const isRow = ({ type }: Placed): boolean => type === 'row';
const widthOf = (panel: Placed): number => (isRow(panel) ? gridWidth : (panel.gridPos?.w ?? gridWidth / 2));

/**
 * Places panels from left to right in lines. The library places a panel that does not fit beside the one before it, so
 * that it overlaps the next line or leaves the grid. The last panel of a line takes the rest of the line.
 */
export const placed = <Panel extends Placed>(panels: readonly Panel[]): Panel[] => {
  let x = 0;
  let y = 0;
  let lineHeight = 0;
  return panels.map((panel, index) => {
    const wanted = widthOf(panel);
    const h = isRow(panel) ? 1 : (panel.gridPos?.h ?? 8);
    if (isRow(panel) || x + wanted > gridWidth) {
      y += lineHeight;
      x = 0;
      lineHeight = 0;
    }
    const next = panels[index + 1];
    const isLast = next === undefined || isRow(next) || x + wanted + widthOf(next) > gridWidth;
    const w = isLast ? gridWidth - x : wanted;
    const result = { ...panel, gridPos: { h, w, x, y } };
    x += w;
    lineHeight = Math.max(lineHeight, h);
    return result;
  });
};
