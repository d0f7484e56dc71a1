/** HTML and SVG as text. */

/** An attribute's value. */
export type Value = string | number;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text that is not markup. */
export function escape(text: Value): string {
  return String(text).replace(/[&<>"]/g, (char) => ESCAPES[char]!);
}

/** An element around markup. */
export function element(
  name: string,
  attributes: Readonly<Record<string, Value>>,
  ...content: readonly string[]
): string {
  const list = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escape(short(value))}"`).join("");
  return `<${name}${list}>${content.join("")}</${name}>`;
}

/** A line of text in a chart. */
export function text(
  x: number,
  y: number,
  words: string,
  kind: string = "",
): string {
  return element(
    "text",
    kind === "" ? { x, y } : { x, y, class: kind },
    escape(words),
  );
}

/** A chart; a screen reader says the title and the description. */
export function chart(
  width: number,
  height: number,
  { title, description }: { title: string; description: string },
  ...content: readonly string[]
): string {
  return element(
    "svg",
    {
      "viewBox": `0 0 ${width} ${height}`,
      "role": "img",
      "aria-label": `${title}. ${description}`,
    },
    ...content,
  );
}

/** A chart in two widths, of which the page shows the one that fits. */
export function responsive(draw: (width: number) => string): string {
  return element("div", { class: "wide" }, draw(860)) +
    element("div", { class: "narrow" }, draw(370));
}

function short(value: Value): Value {
  return typeof value === "number" ? Math.round(value * 100) / 100 : value;
}
