import { CHART_STYLE, themeStyle } from "./theme.ts";

/** The page's style: one column, light or dark, from a phone's width up. */
export const PAGE_STYLE: string = `${themeStyle(":root")}
${CHART_STYLE}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);line-height:1.5}
main{max-width:920px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:2rem;line-height:1.2;margin:0 0 .4em}
h2{font-size:1.4rem;line-height:1.3;margin:2.6em 0 .3em;padding-top:1em;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:2em 0 .2em}
p{margin:.4em 0 1em;max-width:70ch}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.92em;overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto}
figure{margin:1em 0}
.quiet{color:var(--quiet)}
.is-same{color:var(--same)}
.is-apart{color:var(--apart)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px;margin:1.6em 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:1.9rem;line-height:1.2}
.badge{font-size:.85rem;font-weight:600;border:1px solid currentColor;border-radius:99px;padding:1px 10px;white-space:nowrap}
.error{border-left:4px solid var(--same);background:var(--card);padding:10px 14px;white-space:pre-wrap;overflow-wrap:anywhere}
.narrow{display:none}
.strips{margin:0 0 16px}
.strips-head{display:flex;justify-content:space-between;gap:0 12px;flex-wrap:wrap}
.strips-cells{position:relative;padding-top:5px}
.strips-cells svg{height:44px}
.strips-cells i{position:absolute;top:0;bottom:-4px;width:0;border-left:2px solid var(--ink)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:.4em 0 1.2em;list-style:none}
.legend li::before{content:"";display:inline-block;width:12px;height:12px;margin-right:7px;border-radius:2px;background:var(--key)}
.scroll{overflow-x:auto;margin:.4em 0 1em}
table{border-collapse:collapse;font-size:.92rem;min-width:100%}
th,td{text-align:left;font-weight:400;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--quiet);vertical-align:bottom}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.short,time{white-space:nowrap}
.words{min-width:26ch}
details{margin:.6em 0 1.4em}
summary{cursor:pointer;color:var(--quiet)}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 20px}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
@media(max-width:640px){.wide{display:none}.narrow{display:block}h1{font-size:1.6rem}main{padding:20px 14px 40px}}`;
