// How pages look: colours for light and dark, tables that scroll, plots whose series have one colour each.
#pragma once

#include <string_view>

namespace newbie {

inline constexpr int kSeriesColours = 10;  // classes s0 to s9

inline constexpr std::string_view kPageStyle = R"(:root { color-scheme: light dark;
  --ground: #fcfcfb; --panel: #fff; --ink: #1d2126; --faint: #667080; --line: #d9dde3;
  --good: #1d7a46; --bad: #b3261e; --good-ground: #e6f4ec; --bad-ground: #fdecea; --quiet-ground: #eef1f5; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14171b; --panel: #1b1f25; --ink: #e4e7eb; --faint: #97a1ae; --line: #333a44;
  --good: #6fd19a; --bad: #ff9b91; --good-ground: #17301f; --bad-ground: #3a1d1b; --quiet-ground: #232931; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem clamp(.8rem, 3vw, 2rem) 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .6rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
p { max-width: 46rem; }
p, .remark, figcaption, th, td { overflow-wrap: break-word; }
small { display: block; color: var(--faint); font-size: .8rem; font-weight: normal; line-height: 1.35;
  white-space: pre; }
pre { overflow-x: auto; background: var(--quiet-ground); padding: .7rem .9rem; border-radius: 6px; font-size: .85rem; }
.wide { overflow-x: auto; margin: .8rem 0;
  border: 1px solid var(--line); border-radius: 8px; background: var(--panel); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .5rem .8rem; color: var(--faint); }
th, td { text-align: right; padding: .45rem .65rem; border-top: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
thead th { border-top: 0; color: var(--faint); font-weight: 600; font-size: .85rem; vertical-align: bottom; }
caption ~ thead th { border-top: 1px solid var(--line); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--panel); }
td.prose { text-align: left; white-space: normal; min-width: 17rem; }
td.good { color: var(--good); } td.bad { color: var(--bad); } td.quiet { color: var(--faint); }
.remark { margin: .5rem 0; padding: .55rem .9rem; border-radius: 6px; background: var(--quiet-ground);
  border-left: 4px solid var(--line); max-width: 60rem; }
.remark.good { background: var(--good-ground); border-color: var(--good); }
.remark.bad { background: var(--bad-ground); border-color: var(--bad); }
.figures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; padding: .8rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel);
  min-width: 0; }
figcaption { color: var(--faint); font-size: .85rem; margin-top: .4rem; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .axis { stroke: var(--line); fill: none; } svg .tick { fill: var(--faint); }
svg .guide { stroke: var(--faint); stroke-dasharray: 4 3; fill: none; }
svg .series { stroke: var(--c); fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .across { stroke: var(--ink); stroke-width: 2; fill: none; }
svg .dashed { stroke-dasharray: 5 3; } svg .dot { fill: var(--c); } svg .band { fill: var(--c); opacity: .15; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .82rem; margin: 0 0 .3rem; padding: 0;
  list-style: none; }
.legend li::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 2px;
  background: var(--c); margin-right: .35em; }
.s0 { --c: #4269d0; } .s1 { --c: #e0a106; } .s2 { --c: #f2614b; } .s3 { --c: #4fb3a0; } .s4 { --c: #3ca951; }
.s5 { --c: #ee6fa3; } .s6 { --c: #a463f2; } .s7 { --c: #7aa2e8; } .s8 { --c: #9c6b4e; } .s9 { --c: #8b9099; }
.pictures input { margin: 0 .3rem 0 0; } .pictures label { display: inline-block; margin-right: 1.2rem; }
.pictures td { text-align: left; padding: .35rem; } .pictures img { min-width: 96px; }
.pictures thead th { text-align: left; padding-left: .35rem; }
.pictures .difference { display: none; }
#view-differences:checked ~ .wide .difference { display: block; }
#view-differences:checked ~ .wide .picture:has(+ .difference) { display: none; }
.sheet { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
.sheet figcaption { max-height: 6.5rem; overflow: auto; }
img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
@media (max-width: 40rem) {
  table:has(td.prose) thead { display: none; }
  tr:has(td.prose) { display: block; border-top: 1px solid var(--line); padding: .4rem 0; }
  tr:has(td.prose) > * { display: block; text-align: left; white-space: normal; min-width: 0; border: 0;
    padding: .1rem .65rem; } }
)";

}  // namespace newbie
