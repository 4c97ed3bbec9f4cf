/** Inline styles, so that the report is one file. It is readable in print, in dark mode and without colours. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2128; --paper: #fff; --faint: #667; --rule: #d5d9e0; --good: #1a7f37; --bad: #c6303e; --shade: #f5c26b66; --a: #1f6feb; --b: #bf5af2; --c: #d9480f; --d: #0b7285; --e: #5c7f00; --f: #9c36b5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --paper: #14171c; --faint: #9aa3b2; --rule: #343b46; --good: #4ac26b; --bad: #ff7b82; --shade: #b07d1a55; --a: #6ea8fe; --b: #d9a6ff; --c: #ffa066; --d: #66d9e8; --e: #b5d95c; --f: #e599f7; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; max-width: 1160px; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 32px 0 8px; } h3 { font-size: 16px; margin: 24px 0 2px; }
p { margin: 4px 0; } small, .how, .tick { color: var(--faint); }
.verdict { font-size: 19px; font-weight: 600; padding: 10px 14px; border: 2px solid; border-radius: 6px; margin: 12px 0; }
.verdict.good { color: var(--good); } .verdict.bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: 600; font-size: 13px; color: var(--faint); }
.number { text-align: right; } td.heat { text-align: center; font-weight: 600; }
.heat.good { color: var(--good); background: color-mix(in srgb, var(--good) 14%, transparent); }
.heat.bad { color: #fff; background: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 8px 16px; }
figure { margin: 0; } figcaption { font-size: 13px; font-weight: 600; } svg { width: 100%; height: auto; }
.fault { fill: var(--shade); } .axis { stroke: var(--rule); } .tick { font-size: 10px; fill: var(--faint); }
.line { fill: none; stroke-width: 1.6; } .key { font-weight: 400; padding-left: 4px; } code { font-size: 13px; overflow-wrap: anywhere; }
${['a', 'b', 'c', 'd', 'e', 'f']
  .map(
    (letter, index) =>
      `.line-${index} { stroke: var(--${letter}); stroke-dasharray: ${['none', '6 2', '2 2', '8 2 2 2', '4 4', '1 3'][index]}; } .key-${index} { color: var(--${letter}); }`,
  )
  .join('\n')}
@media print { body { max-width: none; padding: 0; font-size: 11px; } section { break-inside: avoid; } .heat.bad { color: #000; border: 2px solid #000; } }
`;
