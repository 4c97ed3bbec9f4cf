type GridPos = { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
type Placed = { readonly type?: string; readonly gridPos?: GridPos | undefined };

/** Columns of Grafana's grid. */
export const gridWidth = 24;

/**
 * Places panels from left to right in lines. The library places a panel that does not fit beside the one before it, so
 * that it overlaps the next line or leaves the grid.
 */
export const placed = <Panel extends Placed>(panels: readonly Panel[]): Panel[] => {
  let x = 0;
  let y = 0;
  let lineHeight = 0;
  return panels.map((panel) => {
    const isRow = panel.type === 'row';
    const w = isRow ? gridWidth : (panel.gridPos?.w ?? gridWidth / 2);
    const h = isRow ? 1 : (panel.gridPos?.h ?? 8);
    if (isRow || x + w > gridWidth) {
      y += lineHeight;
      x = 0;
      lineHeight = 0;
    }
    const result = { ...panel, gridPos: { h, w, x, y } };
    x += w;
    lineHeight = Math.max(lineHeight, h);
    return result;
  });
};
