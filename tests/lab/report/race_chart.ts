import { chart, element, text } from "./markup.ts";
import { count, duration, quantile, roundUp } from "./numbers.ts";

const BINS = 48;
const TOP = 34;
const LANE = 112;
const LABEL = 26;
const HEIGHT = LANE - LABEL - 8;
const AXIS = 52;
const LEFT = 26;
const TICKS = 6;
/** What lies beyond this share is told in words, so that the rest has room. */
const SHOWN = 0.98;

/** One runner of the race: when it was there, for each fork. */
export interface Runner {
  readonly name: string;
  /** How it is coloured. */
  readonly kind: "same" | "apart";
  /** Milliseconds from resume. */
  readonly ms: readonly number[];
}

/** The time axis: what it shows and where. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly right: number;
  x(ms: number): number;
}

/**
 * The race after a fork, from resume on, when the page shows it already: a lane
 * for each runner, with how often it took how long.
 */
export function raceChart(runners: readonly Runner[], width: number): string {
  const lanes = runners.filter(({ ms }) => ms.length > 0);
  const axis = layOut(lanes.flatMap(({ ms }) => [...ms]), width);
  const bottom = TOP + lanes.length * LANE;
  const zero = axis.x(0);
  return chart(
    width,
    bottom + AXIS,
    {
      title: "What happens after a machine resumes, in milliseconds",
      description: lanes.map(describe).join(". "),
    },
    ...lanes.map((runner, i) => lane(runner, TOP + i * LANE, axis, width)),
    ...ticks(axis).map((ms) =>
      text(axis.x(ms), bottom + 20, count(ms), "quiet small middle")
    ),
    text(LEFT, bottom + 42, "milliseconds from resume", "quiet small"),
    element("line", {
      class: "moment",
      x1: zero,
      x2: zero,
      y1: 26,
      y2: bottom,
    }),
    text(
      zero - 3,
      18,
      width > 600
        ? "0: the machine resumes, and the page shows the fork"
        : "0: resume; the page shows it",
      "fit strong",
    ),
  );
}

function layOut(ms: readonly number[], width: number): Axis {
  const least = Math.min(0, ...ms);
  const from = least < 0 ? -roundUp(-least) : 0;
  const to = roundUp(Math.max(1, quantile(ms, SHOWN)));
  const right = width - 24;
  return {
    from,
    to,
    right,
    x: (time) => LEFT + (right - LEFT) * (time - from) / (to - from),
  };
}

function lane(
  { name, kind, ms }: Runner,
  y: number,
  axis: Axis,
  width: number,
): string {
  const { x, right } = axis;
  const bottom = y + LANE;
  const top = bottom - HEIGHT;
  const middle = quantile(ms, 0.5);
  const at = x(Math.min(middle, axis.to));
  const after = width > 600
    ? `${duration(middle)}, in the median${beyond(ms, axis)}`
    : duration(middle);
  return text(LEFT + 10, y + LABEL - 8, `${name}: ${after}`, `fit ${kind}`) +
    element("rect", {
      "class": kind,
      "fill-opacity": 0.12,
      "x": x(0),
      "y": top,
      "width": Math.max(0, at - x(0)),
      "height": HEIGHT,
    }) +
    bars(ms, kind, bottom, axis) +
    element("line", {
      class: "grid",
      x1: LEFT,
      x2: right,
      y1: bottom,
      y2: bottom,
    }) +
    element("line", { class: "median", x1: at, x2: at, y1: top, y2: bottom });
}

function bars(
  ms: readonly number[],
  kind: string,
  bottom: number,
  { from, to, right }: Axis,
): string {
  const bins = new Array<number>(BINS).fill(0);
  for (const time of ms) {
    const bin = Math.floor(BINS * (time - from) / (to - from));
    if (time <= to) bins[Math.min(bin, BINS - 1)]!++;
  }
  const most = Math.max(1, ...bins);
  const step = (right - LEFT) / BINS;
  return bins.map((bin, i) => {
    const height = Math.max(2, (HEIGHT - 6) * bin / most);
    return bin === 0 ? "" : element("rect", {
      class: kind,
      x: LEFT + i * step + 0.5,
      y: bottom - height,
      width: step - 1,
      height,
    });
  }).join("");
}

function beyond(ms: readonly number[], { to }: Axis): string {
  const late = ms.filter((time) => time > to).length;
  return late === 0
    ? ""
    : `; ${late} later, up to ${duration(Math.max(...ms))}`;
}

function describe({ name, ms }: Runner): string {
  return `${name}: from ${duration(Math.min(...ms))} to ${
    duration(Math.max(...ms))
  }, ${duration(quantile(ms, 0.5))} in the median of ${count(ms.length)} forks`;
}

function ticks({ from, to }: Axis): number[] {
  const step = roundUp((to - from) / TICKS);
  const first = Math.ceil(from / step);
  return Array.from(
    { length: Math.floor(to / step) - first + 1 },
    (_, i) => (first + i) * step,
  );
}
