/* Curves: one figure a panel, drawn by uPlot in the page's own colours. */

const HEIGHT = 180;
const COLOURS = 5;
const WHOLE_STEPS = [1, 2, 5].flatMap((n) => [n, n * 10, n * 100, n * 1e3, n * 1e4, n * 1e5]).sort((a, b) => a - b);

/* A custom property holds light-dark(…) as written; only a real property resolves it. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/* Curves of one panel on one axis of steps; null where a curve has no point. */
function joined(series) {
  const steps = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, index) => [step, index]));
  const columns = series.map((one) => {
    const column = new Array(steps.length).fill(null);
    one.x.forEach((step, index) => (column[place.get(step)] = one.y[index]));
    return column;
  });
  return [steps, ...columns];
}

class Panel {
  constructor(container, title) {
    this.series = new Map();
    this.title = title;
    this.figure = document.createElement("figure");
    this.figure.className = "panel";
    const caption = document.createElement("figcaption");
    caption.append(Object.assign(document.createElement("span"), { textContent: title }));
    this.latest = Object.assign(document.createElement("span"), { className: "panel__latest" });
    caption.append(this.latest);
    this.plot = Object.assign(document.createElement("div"), { className: "panel__plot" });
    this.plot.setAttribute("role", "img");
    this.legend = Object.assign(document.createElement("ul"), { className: "panel__legend" });
    this.figure.append(caption, this.plot, this.legend);
    container.append(this.figure);
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe(this.plot);
  }

  size() {
    return { width: Math.max(160, this.plot.clientWidth), height: HEIGHT };
  }

  /* Points behind what is there are appended; a curve that starts over replaces the old one. */
  add(series) {
    const known = this.series.size;
    for (const one of series) {
      const old = this.series.get(one.name);
      if (old && one.x[0] > old.x.at(-1)) {
        old.x.push(...one.x);
        old.y.push(...one.y);
      } else {
        this.series.set(one.name, { ...one, x: [...one.x], y: [...one.y] });
      }
    }
    if (this.chart && known === this.series.size) this.chart.setData(joined([...this.series.values()]));
    else this.draw();
    this.describe();
  }

  draw() {
    this.chart?.destroy();
    const text = colour("--text-muted");
    const grid = { stroke: colour("--grid"), width: 1 };
    const axis = { stroke: text, grid, ticks: { show: false }, font: "11px Inter, system-ui, sans-serif", size: 28 };
    const all = [...this.series.values()];
    this.chart = new window.uPlot(
      {
        ...this.size(),
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        scales: { x: { time: false } },
        axes: [
          { ...axis, incrs: WHOLE_STEPS },
          { ...axis, size: 52, values: (_, ticks) => ticks.map(short) },
        ],
        series: [
          {},
          ...all.map((one, index) => {
            const stroke = colour(`--series-${(index % COLOURS) + 1}`);
            const sparse = one.x.length < 12;
            return {
              label: one.label,
              stroke,
              width: 1.75,
              spanGaps: true,
              points: { show: sparse, size: 6, fill: stroke },
              dash: index >= COLOURS ? [5, 4] : undefined,
            };
          }),
        ],
        hooks: { setCursor: [(chart) => this.describe(chart.cursor.idx)] },
      },
      joined(all),
      this.plot,
    );
  }

  /* The numbers under the cursor, else the newest ones: in the caption, and in words for those who
     do not see the drawing. */
  describe(index = null) {
    const all = [...this.series.values()];
    const steps = this.chart?.data[0] ?? [];
    const step = index === null || index === undefined ? steps.at(-1) : steps[index];
    this.latest.textContent = step === undefined ? "" : `step ${step}`;
    this.legend.replaceChildren(
      ...all.map((one, number) => {
        const row = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = `swatch swatch--${(number % COLOURS) + 1}`;
        let at = one.x.findLastIndex((x) => x <= step);
        if (at < 0) at = 0;
        const name = all.length > 1 || one.label !== this.title.toLowerCase() ? `${one.label} ` : "";
        row.append(swatch, `${name}${short(one.y[at])}`);
        return row;
      }),
    );
    this.plot.setAttribute(
      "aria-label",
      `${this.title}. ` +
        all
          .map((one) => `${one.label}: ${short(one.y[0])} at step ${one.x[0]}, ${short(one.y.at(-1))} at step ${one.x.at(-1)}`)
          .join(". "),
    );
  }
}

export class Panels {
  constructor(container) {
    this.container = container;
    this.panels = new Map();
    const redraw = () => this.panels.forEach((panel) => panel.draw());
    document.addEventListener("prefloop:theme", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  add(panels) {
    if (panels.length) this.container.querySelector(".panels__empty")?.remove();
    for (const { title, series } of panels) {
      if (!this.panels.has(title)) this.panels.set(title, new Panel(this.container, title));
      this.panels.get(title).add(series);
    }
  }
}
