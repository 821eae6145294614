// -- the system: boxes, and what flows between them ----------------------------------------------

const PACE = 9;             // widths of an m that a dot travels in a second on the wall
const TRICKLE = 0.06;       // of the most: the least that is drawn of what flows at all
const DENSITY = 9;          // dots a second where most flows
const nice = value => {     // 1, 2, 3, 5, 10, 20, ...: at least value
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 10].map(k => k * power).find(k => k >= value * 0.999);
};

class Scene {
  constructor(canvas, plan) {
    this.canvas = canvas;
    this.plan = plan;
    this.columns = 1 + Math.max(...plan.boxes.map(box => box.at[0]));
    this.rows = 1 + Math.max(...plan.boxes.map(box => box.at[1]));
    this.byName = new Map(plan.boxes.map(box => [box.name, box]));
  }

  show(run) {
    this.run = run;
    this.flows = this.plan.links.map(link => this.flow(link).filter(([name]) => run.has(name))
      .map(([name, fate]) => ({fate, sums: this.sums(name)})));
    this.most = Math.max(...this.flows.flat().map(({sums}) => steepest(run, sums)), 0);
    for (const flow of this.flows.flat()) flow.dots = this.dots(flow.sums);
    this.idle = new Set(this.plan.boxes.filter(box => this.plan.links.every(link => link.control
      || link.start !== box.name && link.end !== box.name)));
    this.sides();
  }

  // How many dots have set out up to each instant: a trickle is seen beside a flood, too.
  dots(sums) {
    const {run, most} = this, step = run.duration / (run.n - 1), out = new Float64Array(run.n);
    for (let i = 1; i < run.n; i++) {
      const rate = (sums[i] - sums[i - 1]) / step;
      out[i] = out[i - 1] + (rate > 1e-4 * most ? Math.max(rate, TRICKLE * most) * step : 0);
    }
    return out;
  }

  // What flows along a link: [series, fate].
  flow(link) {
    const {run, plan} = this;
    if (link.flows.length) return link.flows;
    const to = this.byName.get(link.end), from = this.byName.get(link.start);
    const rate = box => box.show.map(([, name]) => name).find(name => isRate(run.unit(name)));
    const series = isRate(run.unit(link.series)) ? link.series
      : link.control ? '' : rate(to) ?? rate(from) ?? '';
    if (!series) return [];
    return [[series, this.isHeap(to) ? 'lost' : plan.links.some(other =>
      other.start === link.end && !other.control) ? 'sent' : 'served']];
  }

  // How many up to each instant: of a rate, or of a count that grows.
  sums(name) {
    return isRate(this.run.unit(name)) ? this.run.passed(name) : this.run.values(name);
  }

  // Where what was turned away lies: a box whose only number is its alarm, and only grows.
  isHeap(box) {
    return box.show.length === 1 && box.show[0][1] === box.alarm && this.run.has(box.alarm)
      && (isRate(this.run.unit(box.alarm)) || this.run.grows(box.alarm));
  }

  size(width, height, ratio, font) {
    this.width = width;
    this.height = height;
    this.font = font;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.ratio = ratio;
    this.sides();
  }

  sides() {
    if (!this.width || !this.run) return;
    const {columns, rows, width, height, font} = this;
    const cell = width / columns, line = (height - 1.3 * font) / rows;
    const labelled = this.plan.links.some(link => link.label || link.series);
    this.box = [Math.min(cell * (labelled ? 0.77 : 0.82), 15.5 * font),
      Math.min(line - (rows > 1 ? 1.3 * font : 0.4 * font), 9.5 * font)];
    this.cell = [cell, line];
    this.narrow = this.box[0] < 8.4 * font;
  }

  corner(box) {
    const [x, y] = box.at, [w, h] = this.box, [cell, line] = this.cell;
    return [cell * x + (cell - w) / 2, line * y + (line - h) / 2];
  }

  // Where each box is, for the buttons that lie over them.
  places() {
    return this.box ? this.plan.boxes.map(box => [box, ...this.corner(box), ...this.box]) : [];
  }

  draw(t, look, speed) {
    if (!this.box) return;      // it has no place yet
    const g = this.canvas.getContext('2d');
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    this.g = g;
    this.look = look;
    this.t = t;
    this.plan.links.forEach((link, i) => this.link(link, this.flows[i], speed));
    for (const box of this.plan.boxes) this.part(box);
    this.key();
  }

  // -- links -------------------------------------------------------------------------------------
  ends(link) {
    const [w, h] = this.box;
    const middle = box => { const [x, y] = this.corner(box); return [x + w / 2, y + h / 2]; };
    const a = middle(this.byName.get(link.start)), b = middle(this.byName.get(link.end));
    const dx = b[0] - a[0], dy = b[1] - a[1];
    const out = Math.min(w / 2 / Math.abs(dx || 1e-9), h / 2 / Math.abs(dy || 1e-9));
    const back = this.plan.links.some(o => o.start === link.end && o.end === link.start);
    const length = Math.hypot(dx, dy) || 1, aside = back ? 0.45 * this.font : 0;
    const sx = -dy / length * aside, sy = dx / length * aside;
    return [a[0] + dx * out + sx, a[1] + dy * out + sy,
      b[0] - dx * out + sx, b[1] - dy * out + sy];
  }

  link(link, flows, speed) {
    const {g, look, font, run, t} = this;
    const [x1, y1, x2, y2] = this.ends(link);
    const idle = link.flows.length && flows.every(({sums}) => sums[run.n - 1] === 0);
    g.globalAlpha = idle ? 0.35 : 1;        // nothing ever goes this way in this run
    const angle = Math.atan2(y2 - y1, x2 - x1), tip = 0.55 * font;
    g.strokeStyle = g.fillStyle = look.faint;
    g.lineWidth = 1.3;
    g.setLineDash(link.control ? [5, 4] : []);
    g.beginPath();
    g.moveTo(x1, y1);
    g.lineTo(x2 - Math.cos(angle) * tip, y2 - Math.sin(angle) * tip);
    g.stroke();
    g.setLineDash([]);
    g.beginPath();
    g.moveTo(x2, y2);
    for (const turn of [0.42, -0.42])
      g.lineTo(x2 - tip * 1.2 * Math.cos(angle + turn), y2 - tip * 1.2 * Math.sin(angle + turn));
    g.fill();
    g.globalAlpha = 1;
    // So many have set out up to t and up to a flight before: whole numbers between travel now.
    const gone = Math.hypot(x2 - x1, y2 - y1) / (PACE * font) * speed;
    const scale = DENSITY / (this.most * speed || 1);
    for (const {dots, fate} of flows) {
      const last = between(run, dots, t) * scale;
      const first = between(run, dots, Math.max(0, t - gone)) * scale;
      for (let n = Math.ceil(first + 1e-9); n <= last; n++) {
        const way = Math.max(0, Math.min(1, (t - reached(run, dots, n / scale)) / gone));
        this.dot(x1 + (x2 - x1) * way, y1 + (y2 - y1) * way, fate);
      }
    }
    const number = link.series && run.has(link.series)
      ? amount(run.at(link.series, t), isRate(run.unit(link.series)) ? '' : run.unit(link.series))
      : '';
    const text = `${link.label} ${isRate(run.unit(link.series)) ? number && number + '/s' : number}`
      .trim();
    const level = Math.abs(y2 - y1) < 2, room = level ? Math.abs(x2 - x1) + 0.5 * font : 9 * font;
    g.font = `${0.82 * font}px ${look.face}`;
    if (idle || !text || g.measureText(text).width > 1.4 * room) return;    // the boxes say it, too
    this.words(text, (x1 + x2) / 2 + (level ? 0 : 0.5 * font),
      (y1 + y2) / 2 - (level ? 0.75 * font : 0), {size: 0.82, room,
        align: level ? 'center' : 'left', halo: true});
  }

  dot(x, y, fate) {
    const {g, look, font} = this, r = 0.26 * font;
    g.fillStyle = g.strokeStyle = look.fates[fate] ?? look.fates.sent;
    g.lineWidth = 1.8;
    g.beginPath();
    if (fate === 'lost') {
      g.moveTo(x - r, y - r); g.lineTo(x + r, y + r);
      g.moveTo(x + r, y - r); g.lineTo(x - r, y + r);
      g.stroke();
    } else if (fate === 'retried') {
      g.moveTo(x, y - 1.2 * r); g.lineTo(x + 1.2 * r, y + r); g.lineTo(x - 1.2 * r, y + r);
      g.fill();
    } else {
      g.arc(x, y, r, 0, 7);
      if (fate === 'waiting') g.stroke(); else g.fill();
    }
  }

  // What a dot stands for.
  key() {
    const {font, height, width, look} = this;
    const fates = new Set(this.flows.flat().map(flow => flow.fate));
    let x = 0.3 * font;
    const y = height - 0.35 * font;
    for (const [fate, word] of [['sent', 'on the way'], ['served', 'served'],
      ['waiting', 'back, waiting'], ['retried', 'again'], ['lost', 'turned away or lost']]) {
      if (!fates.has(fate) || x > width - 6 * font) continue;
      this.dot(x + 0.3 * font, y - 0.28 * font, fate);
      x += 0.8 * font + this.words(word, x + 0.8 * font, y, {size: 0.75, ink: look.faintInk})
        + 0.9 * font;
    }
  }

  words(text, x, y, how) { return write(this, text, x, y, how); }

  // The moment in words, with its numbers.
  described(t) {
    const {run} = this, held = this.t;
    this.t = t;
    const parts = this.plan.boxes.map(box => `${box.name}: ` + (box.show.map(([label, name]) =>
      `${this.number(name)} ${label}`).join(', ') || 'nothing to count')
      + (box.alarm && run.at(box.alarm, t) > 0 ? ' (alarm)' : ''));
    const faults = run.faults.filter(([, , from, to]) => from <= t && t < to)
      .map(([part, what]) => `${part} is broken (${what})`);
    this.t = held;
    return [`At ${clock(t, run.duration)} of ${clock(run.duration, run.duration)}`, ...faults, ...parts].join('; ') + '.';
  }
}
