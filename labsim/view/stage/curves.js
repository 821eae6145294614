// -- the figure: a panel per question, one cursor across all -------------------------------------

const DASHES = [[], [7, 2.5], [2, 2], [8, 2, 2, 2]];
const UNITS = [[7200 * 24, 86400, 'd'], [3 * 3600 + 1, 3600, 'h'], [600, 60, 'min'], [0, 1, 's']];
const roundTop = value => {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 8, 10, 15].map(k => k * power).find(k => k >= 1.06 * value);
};
const compact = value => {
  for (const [size, letter, by] of [[1e12, 'T', 1e12], [1e9, 'G', 1e9], [1e6, 'M', 1e6],
    [1e4, 'k', 1e3]])
    if (Math.abs(value) >= size) return `${Number((value / by).toPrecision(4))}${letter}`;
  return figures(value);
};

class Curves {
  constructor(canvas, plan) {
    this.canvas = canvas;
    this.plan = plan;
    this.still = document.createElement('canvas');
    this.tops = plan.panels.map(() => -1);
  }

  show(run, ghost, bands) {
    this.run = run;
    this.ghost = ghost;
    this.bands = bands;
    this.stale = true;
  }

  size(width, height, ratio, font) {
    Object.assign(this, {width, height, ratio, font, stale: true});
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
  }

  // Where the panels are: a timeline takes a row of its own.
  cells() {
    const {panels} = this.plan, {width, height, font} = this;
    const plain = panels.filter(panel => !panel.bars.length).length;
    let across = plain;
    const fit = n => {
      const rows = Math.ceil(plain / n) + (panels.length - plain) * 2;
      return Math.min(width / n / 1.75, height / rows);
    };
    for (let n = 1; n <= plain; n++) if (fit(n) > fit(across) + 1e-9) across = n;
    across = Math.max(1, Math.min(across, Math.floor(width / (13 * font)) || 1));
    const rows = [];
    for (const panel of panels) {
      if (panel.bars.length || !rows.length || rows.at(-1).full) rows.push({panels: [], tall: 1});
      const row = rows.at(-1);
      row.panels.push(panel);
      row.tall = panel.bars.length ? 2 : 1;
      row.full = panel.bars.length > 0 || row.panels.length >= across;
    }
    const all = rows.reduce((sum, row) => sum + row.tall, 0), found = [];
    let y = 0;
    for (const row of rows) {
      const h = height * row.tall / all, w = width / (row.panels[0].bars.length ? 1 : across);
      row.panels.forEach((panel, i) => found.push([panel, w * i, y, w, h]));
      y += h;
    }
    return found;
  }

  draw(t, look) {
    if (!this.width) return;
    if (this.stale || this.look !== look) {
      this.look = look;
      this.print();
      this.stale = false;
    }
    const g = this.g = this.canvas.getContext('2d');
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    g.drawImage(this.still, 0, 0);
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const frame of this.frames) {
      const x = frame.x + frame.w * t / this.run.duration;
      g.strokeStyle = look.ink;
      g.lineWidth = 1.2;
      g.beginPath();
      g.moveTo(x, frame.y);
      g.lineTo(x, frame.y + frame.h);
      g.stroke();
      this.legend(frame, t);
    }
  }

  // The moment under a point of the canvas; null outside all panels.
  moment(x, y) {
    const frame = this.frames?.find(f => x > f.x - 8 && x < f.x + f.w + 8
      && y > f.y - 25 && y < f.y + f.h + 20);
    return frame ? Math.max(0, Math.min(1, (x - frame.x) / frame.w)) * this.run.duration : null;
  }

  top(panel, i) {
    const {run} = this;
    const highest = one => panel.lines.reduce((most, line) =>
      line.series ? Math.max(most, one.top(line.series)) : most, 0);
    let most = highest(run);
    const before = this.ghost ? highest(this.ghost) : 0;
    if (before < 3 * most) most = Math.max(most, before);   // or the run itself would lie flat
    for (const line of panel.lines)
      if (this.bands.has(line.series)) most = Math.max(most, run.top(`${line.series}|high`));
    const limits = run.limits[i].filter(limit => limit !== null && limit < 4 * (most || 1));
    most = Math.max(most, ...limits);
    const unit = run.unit(panel.lines.find(line => line.series)?.series ?? '');
    if (isShare(unit) && most <= 1.0001) this.tops[i] = 1;
    else if (most > this.tops[i] || most < 0.3 * this.tops[i]) this.tops[i] = roundTop(most);
    return this.tops[i];
  }

  print() {
    const g = this.g = this.still.getContext('2d'), {look, font} = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    this.frames = this.cells().map(([panel, x, y, w, h]) => {
      const i = this.plan.panels.indexOf(panel);
      const left = panel.bars.length ? 5.2 * font : 3.1 * font;
      const frame = {panel, i, x: x + left, y: y + 2.75 * font, w: w - left - 0.9 * font,
        h: h - 4.3 * font, left: x};
      frame.top = panel.bars.length ? 1 : this.top(panel, i);
      const unit = panel.unit || this.run.unit(panel.lines.find(l => l.series)?.series ?? '');
      [frame.one, frame.name] = scaled(frame.top, unit);
      frame.unit = unit;
      const told = !frame.name || frame.name === RULE.share
        || panel.title.toLowerCase().split(/\s+/).includes(frame.name);
      this.text(told ? panel.title : `${panel.title} (${frame.name})`, x + 0.3 * font, y + font,
        {bold: true, room: w - 0.6 * font});
      this.axes(frame);
      g.save();
      g.beginPath();
      g.rect(frame.x, frame.y - 2, frame.w, frame.h + 3);
      g.clip();
      this.faults(frame);
      if (panel.bars.length) this.timeline(frame); else this.lines(frame);
      g.restore();
      this.marks(frame);
      return frame;
    });
  }

  axes({x, y, w, h, top, unit, one, panel}) {
    const {g, look, font, run} = this;
    const [, seconds, name] = UNITS.find(([least]) => run.duration >= least);
    g.strokeStyle = look.grid;
    g.lineWidth = 1;
    const share = isShare(unit);
    if (!panel.bars.length) {
      const step = nice(top / one / (h > 7 * font ? 5 : 3) * 1e6) / 1e6 * one;
      for (let v = 0; v <= top * 1.0001; v += step) {
        const at = y + h - h * v / top;
        g.beginPath(); g.moveTo(x, at); g.lineTo(x + w, at); g.stroke();
        this.text(share ? amount(v, RULE.share) : compact(Number((v / one).toPrecision(6))), x - 4,
          at + 0.3 * font, {size: 0.82, align: 'right', ink: look.faintInk});
      }
    }
    const span = run.duration / seconds, step = nice(span / Math.max(2, w / (3.4 * font)) * 1e3)
      / 1e3;
    for (let v = 0; v <= span * 1.0001; v += step) {
      const at = x + w * v / span;
      g.beginPath(); g.moveTo(at, y); g.lineTo(at, y + h); g.stroke();
      const last = v + step > span * 1.0001;
      this.text(`${figures(Number(v.toPrecision(6)))}${last ? ' ' + name : ''}`,
        at + (last ? 0.7 * font : 0), y + h + 1.05 * font,
        {size: 0.82, align: last ? 'right' : 'center', ink: look.faintInk});
    }
    g.strokeStyle = look.edge;
    g.beginPath(); g.moveTo(x, y); g.lineTo(x, y + h); g.lineTo(x + w, y + h); g.stroke();
  }

  faults({x, y, w, h}) {
    const {g, run, look} = this;
    g.fillStyle = look.alarm;
    g.globalAlpha = 0.13;
    for (const [, , from, to] of run.faults)
      g.fillRect(x + w * from / run.duration, y, Math.max(2, w * (to - from) / run.duration), h);
    g.globalAlpha = 1;
  }

  lines(frame) {
    const {run, ghost, look, font, g} = this, {panel, i, x, y, w, h, top} = frame;
    panel.lines.forEach((line, k) => {
      if (this.bands.has(line.series)) this.shade(frame, line.series, look.lines[k % 4]);
    });
    if (ghost) panel.lines.forEach(line => {
      if (line.series && ghost.has(line.series))
        this.path(frame, ghost.values(line.series), ghost, line.step, look.ghost, [2, 3], 1.4);
    });
    panel.lines.forEach((line, k) => {
      if (line.series && run.has(line.series))
        this.path(frame, run.values(line.series), run, line.step, look.lines[k % 4],
          DASHES[k % 4], 0.15 * font);
      const limit = run.limits[i][k];
      if (limit === null || limit === undefined) return;
      if (limit > 1.02 * top) return;
      const at = y + h - h * limit / top;
      g.strokeStyle = look.faintInk;
      g.lineWidth = 1.3;
      g.setLineDash([8, 4]);
      g.beginPath(); g.moveTo(x, at); g.lineTo(x + w, at); g.stroke();
      g.setLineDash([]);
      this.text(line.label, x + w - 2, Math.max(at - 3, y + 0.8 * font),
        {size: 0.8, align: 'right', ink: look.faintInk, halo: true});
    });
  }

  path({x, y, w, h, top}, values, run, step, colour, dash, width) {
    const {g} = this, scale = Math.min(1, run.duration / this.run.duration);
    const dx = w / (run.n - 1) * run.duration / this.run.duration;
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.setLineDash(dash);
    g.lineJoin = 'round';
    g.beginPath();
    for (let i = 0; i < run.n && i * dx <= w * Math.max(scale, 1) + 1; i++) {
      const at = y + h - h * Math.min(values[i] / top, 1.02);
      if (step && i) g.lineTo(x + i * dx, y + h - h * Math.min(values[i - 1] / top, 1.02));
      g.lineTo(x + i * dx, at);
    }
    g.stroke();
    g.setLineDash([]);
  }

  shade({x, y, w, h, top}, name, colour) {
    const {g, run} = this, low = run.values(`${name}|low`), high = run.values(`${name}|high`);
    g.fillStyle = colour;
    g.globalAlpha = 0.25;
    g.beginPath();
    for (let i = 0; i < run.n; i++) g.lineTo(x + w * i / (run.n - 1), y + h - h * high[i] / top);
    for (let i = run.n - 1; i >= 0; i--)
      g.lineTo(x + w * i / (run.n - 1), y + h - h * low[i] / top);
    g.fill();
    g.globalAlpha = 1;
  }

  marks({panel, x, y, w, h}) {
    const {run, font, look} = this;
    panel.marks.forEach((kind, k) => {
      const found = run.events.filter(([, what, , part]) => what === kind
        && (!panel.part || part === panel.part));
      if (found.length > 30) return;      // a black bar says nothing; the log has them
      for (const [t] of found)
        this.text('\u25b2\u25bc\u25cf\u25a0'[k % 4], x + w * t / run.duration, y + h + 2,
          {size: 0.75, align: 'center', ink: look.ink});
    });
  }

  timeline({panel, x, y, w, h}) {
    const {g, run, look, font} = this, n = Math.max(run.rows.length, 1), each = h / n;
    const kinds = [...panel.bars, ...panel.moments];
    const looks = [[0.42, 0.58, look.faintInk], [0.12, 0.88, look.lines[0]],
      [0.12, 0.56, look.lines[1]], [0.25, 0.75, look.lines[2]]];
    g.restore();
    const named = Math.ceil(n / Math.max(1, Math.floor(h / (0.95 * font))));
    run.rows.forEach((row, i) => {
      if (i % named === 0) this.text(row, x - 4, y + (i + 0.5) * each + 0.3 * font,
        {size: 0.78, align: 'right', ink: look.faintInk, room: 4.8 * font});
    });
    g.save();
    for (const [row, kind, from, to] of run.spans) {
      const k = kinds.indexOf(kind), x1 = x + w * from / run.duration;
      if (k < panel.bars.length) {
        const [top, bottom, colour] = looks[k % 4];
        g.fillStyle = colour;
        g.fillRect(x1, y + (row + top) * each, Math.max(1, w * (to - from) / run.duration),
          (bottom - top) * each);
      } else {
        this.text('|\u25cb\u2715\u25bc\u25c7+'[(k - panel.bars.length) % 6], x1,
          y + (row + 0.5) * each + 0.3 * font, {size: 0.8, align: 'center', ink: look.ink,
            bold: true, halo: true});
      }
    }
  }

  // Names of the curves, with their values at the moment.
  legend({panel, i, x, left, w, y, unit}, t) {
    const {run, look, font, g} = this;
    let at = left + 0.3 * font;
    const line = y - 0.55 * font, end = x + w;
    if (panel.bars.length) {
      [...panel.bars, ...panel.moments].forEach((kind, k) => {
        if (at > end - 3 * font || !run.spans.some(span => span[1] === kind)) return;
        const bar = k < panel.bars.length;
        const ink = bar ? [look.faintInk, ...look.lines][k % 4] : look.ink;
        at += this.text(bar ? '\u25ac' : '|\u25cb\u2715\u25bc\u25c7+'[(k - panel.bars.length) % 6],
          at, line, {size: 0.85, ink, bold: true}) + 0.25 * font;
        at += this.text(kind, at, line, {size: 0.82, room: end - at}) + 0.7 * font;
      });
      return;
    }
    const lines = panel.lines.filter(l => l.series && run.has(l.series));
    let words = lines.map(l => {
      const value = run.at(l.series, t);
      return [l.label, isShare(unit) ? amount(value, RULE.share)
        : unit in RULE.families ? amount(value, unit) : compact(value)];
    });
    g.font = `${0.82 * font}px ${look.face}`;
    const wide = () => words.reduce((sum, pair) => sum + g.measureText(pair.join(' ')).width
      + 2.2 * font, 0);
    if (wide() > 1.15 * (end - at)) words = words.map(([label]) => [label, '']);
    const squeeze = Math.min(1, (end - at) / Math.max(wide(), 1));
    lines.forEach((l, n) => {
      const k = panel.lines.indexOf(l), colour = look.lines[k % 4];
      g.strokeStyle = colour;
      g.lineWidth = 2;
      g.setLineDash(DASHES[k % 4].map(d => d * 0.7));
      g.beginPath(); g.moveTo(at, line - 0.28 * font);
      g.lineTo(at + 1.1 * font * squeeze, line - 0.28 * font); g.stroke();
      g.setLineDash([]);
      at += 1.35 * font * squeeze;
      const [label, value] = words[n];
      at += this.text(`${label} `, at, line, {size: 0.82,
        room: g.measureText(`${label} `).width * squeeze});
      at += this.text(value, at, line, {size: 0.82, bold: true,
        room: 1.1 * g.measureText(value).width * squeeze}) + 0.6 * font * squeeze;
    });
  }

  text(text, x, y, how) { return write(this, text, x, y, how); }
}
