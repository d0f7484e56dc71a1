/** Colours of the report and the picture, light and dark. */

type Colours = Readonly<Record<string, string>>;

const LIGHT: Colours = {
  page: "#ffffff",
  card: "#f6f8fa",
  line: "#d1d9e0",
  ink: "#1f2328",
  quiet: "#59636e",
  same: "#c2410c",
  apart: "#0f766e",
  before: "#818b98",
};

const DARK: Colours = {
  page: "#0d1117",
  card: "#161b22",
  line: "#3d444d",
  ink: "#e6edf3",
  quiet: "#9da7b3",
  same: "#fb923c",
  apart: "#2dd4bf",
  before: "#8b949e",
};

const FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue'," +
  "Arial,'DejaVu Sans',sans-serif";

/** The colours as variables of an element, by the reader's preference. */
export function themeStyle(selector: string): string {
  return `${selector}{color-scheme:light dark;font-family:${FONT};${
    variables(LIGHT)
  }}@media(prefers-color-scheme:dark){${selector}{${variables(DARK)}}}`;
}

/** What the charts' classes look like. */
export const CHART_STYLE =
  `text{fill:var(--ink);font-size:15px}.quiet{fill:var(--quiet)}` +
  `.small{font-size:13px}.fit{font-size:14px}.strong{font-weight:600}.end{text-anchor:end}` +
  `.middle{text-anchor:middle}.same{fill:var(--same)}` +
  `.apart{fill:var(--apart)}.before{fill:var(--before)}` +
  `.card{fill:var(--card)}.grid{stroke:var(--line);stroke-width:1}` +
  `.ring{fill:var(--page);stroke:var(--apart);stroke-width:3}` +
  `.moment{stroke:var(--ink);stroke-width:3}` +
  `.median{stroke:var(--ink);stroke-width:2;stroke-dasharray:5 4}` +
  `.fork{stroke:var(--ink);stroke-width:1.5}`;

function variables(colours: Colours): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`).join(";");
}
