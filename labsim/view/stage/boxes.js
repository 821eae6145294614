// -- boxes: what is in a part of the system -------------------------------------------------------

class Boxes extends Scene {
  part(box) {
    const {g, look, font, run, t} = this;
    const [x, y] = this.corner(box), [w, h] = this.box, pad = 0.5 * font;
    const held = this.held(box);
    const rings = held.length > 0 || Boolean(box.alarm) && run.at(box.alarm, t) > 0;
    g.fillStyle = look.soft;
    g.strokeStyle = rings ? look.alarm : look.edge;
    g.lineWidth = rings ? 3 : 1.2;
    g.beginPath();
    g.roundRect(x, y, w, h, 6);
    g.fill();
    g.stroke();
    let line = y + 1.25 * font;
    this.words(box.name, x + pad, line, {bold: true, size: 0.95, room: w - 2 * pad
      - (rings ? 0.9 * font : 0)});
    if (rings) this.words('!', x + w - pad, line, {bold: true, align: 'right', ink: look.alarm});
    const heap = this.isHeap(box), drawn = this.glyphs(box).length || box.bars || heap;
    const entries = box.show.map(([label, name]) => [this.number(name), label]);
    if (heap && isRate(run.unit(box.alarm)))
      entries.push([short(Math.floor(between(run, run.passed(box.alarm), t))), 'so far']);
    const beside = drawn && !this.narrow, split = beside ? this.split(entries, w, pad) : 1;
    const room = split * w - 2 * pad;
    const left = y + h - line - 0.4 * font - (drawn && !beside ? 1.7 * font : 0);
    entries.length = Math.min(entries.length, Math.max(1, Math.floor(left / (1.05 * font))));
    const step = Math.min(this.narrow ? 2.1 * font : 1.5 * font, left / Math.max(1, entries.length));
    const ink = number => number === '0' || number === '0%' ? look.faintInk : look.ink;
    for (const [number, label] of entries) {
      line += step;
      if (this.narrow && step > 1.9 * font) {
        this.words(number, x + pad, line - 0.85 * font, {bold: true, room, ink: ink(number)});
        this.words(label, x + pad, line, {size: 0.8, room, ink: look.faintInk});
      } else {
        const used = this.words(number, x + pad, line, {bold: true, size: 1.08,
          room: room * 0.75, ink: ink(number)}) + 0.35 * font;
        this.words(label, x + pad + used, line, {size: 0.85, room: room - used,
          ink: look.faintInk});
      }
    }
    if (beside) this.picture(box, x + split * w, y + 1.7 * font, (1 - split) * w - pad,
      h - 2.1 * font);
    else if (y + h - line > 1.1 * font)
      this.picture(box, x + pad, line + 0.45 * font, w - 2 * pad, y + h - line - 0.8 * font);
    this.broken(held, box, x, y, w, h);
  }

  number(name) {
    const {run, t} = this, unit = run.unit(name), value = run.at(name, t);
    if (isShare(unit)) return amount(value, RULE.share);
    return unit === '%' || unit in RULE.families ? amount(value, unit) : short(value);
  }

  // The share of a box's width for its numbers, beside what is drawn: what they need, if they can.
  split(entries, w, pad) {
    const {g, look, font} = this;
    const wide = entries.map(([number, label]) => {
      g.font = `bold ${1.08 * font}px ${look.face}`;
      const first = g.measureText(number.replace(/\d/g, '0')).width;
      g.font = `${0.85 * font}px ${look.face}`;
      return first + g.measureText(label).width + 0.35 * font + 2 * pad;
    });
    return Math.max(0.5, Math.min(0.74, Math.max(...wide) / w));
  }

  // What of a box can be drawn as things: [series, kind].
  glyphs(box) {
    const {run} = this, found = [];
    if (this.idle.has(box)) return found;       // it only controls: its numbers are no things
    for (const [label, name] of box.show) {
      const unit = run.unit(name);
      if (isPile(unit)) found.push([name, /flight|work|way|hand|under/.test(label) ? 'sent'
        : /done|deleted|served|answered|completed/.test(label) ? 'served' : 'waiting']);
      else if (/desired|wanted/.test(label)) continue;
      else if (isMachine(unit)) found.push([name, /boot|creat|pend|warm/.test(label) ? 'boots'
        : /termin|drain/.test(label) ? 'drains' : /down|unheal/.test(label) ? 'down' : 'works']);
      else if (unit === '%' || isShare(unit))
        found.push([name, 'level']);
    }
    return found;
  }

  picture(box, x, y, w, h) {
    const {run, t} = this, glyphs = this.glyphs(box);
    if (box.bars && this.columnsOf(box, x, y, w, h)) return;
    if (this.isHeap(box)) {
      const sums = this.sums(box.alarm), total = sums[run.n - 1];
      this.pieces([[between(run, sums, t), 'lost']], total, x, y, w, h);
    } else if (glyphs.length && glyphs.every(([, kind]) => kind === 'level')) {
      glyphs.forEach(([name], i) => this.level(run.at(name, t) / (run.unit(name) === '%' ? 100
        : 1), x, y + i * h / glyphs.length, w, Math.min(h / glyphs.length - 2, 0.9 * this.font)));
    } else {
      const things = glyphs.filter(([, kind]) => kind !== 'level');
      let most = 0;
      if (things.length) {
        const all = things.map(([name]) => run.values(name));
        for (let i = 0; i < run.n; i++) most = Math.max(most, all.reduce((a, v) => a + v[i], 0));
        this.pieces(things.map(([name, kind]) => [run.at(name, t), kind]), most, x, y, w, h);
      }
    }
  }

  // Things in rows from the bottom up; each stands for so many that the most there ever are fit.
  pieces(kinds, most, x, y, w, h) {
    const {g, look, font} = this;
    const machines = kinds.some(([, kind]) => ['works', 'boots', 'drains', 'down'].includes(kind));
    const pitch = (machines ? 0.78 : 0.6) * font, across = Math.max(1, Math.floor(w / pitch));
    const room = across * Math.max(1, Math.floor((h - 0.8 * font) / pitch));
    const each = nice(most / room);
    if (each > 1) this.words(`each ${short(each)}`, x + w, y + 0.5 * font,
      {size: 0.68, align: 'right', ink: look.faintInk, room: w});
    let i = 0;
    for (const [count, kind] of kinds)
      for (let k = 0; k < Math.ceil(count / each - 1e-6) && i < room; k++, i++) {
        const px = x + (i % across + 0.5) * pitch, py = y + h - (Math.floor(i / across) + 0.5) * pitch;
        if (!machines) { this.dot(px, py, kind); continue; }
        const r = 0.32 * pitch;
        g.strokeStyle = g.fillStyle = kind === 'down' ? look.alarm : look.fates.sent;
        g.lineWidth = 1.3;
        g.setLineDash(kind === 'boots' ? [2, 2] : []);
        g.beginPath();
        if (kind === 'down') {
          g.moveTo(px - r, py - r); g.lineTo(px + r, py + r);
          g.moveTo(px + r, py - r); g.lineTo(px - r, py + r);
        } else g.rect(px - r, py - r, 2 * r, 2 * r);
        if (kind === 'works') g.fill(); else g.stroke();
        if (kind === 'drains') g.fillRect(px - r, py, 2 * r, r);
        g.setLineDash([]);
      }
  }

  level(share, x, y, w, h) {
    const {g, look} = this;
    g.fillStyle = look.fates.sent;
    g.fillRect(x, y, w * Math.max(0, Math.min(1, share)), h);
    g.strokeStyle = look.edge;
    g.lineWidth = 1;
    g.strokeRect(x, y, w, h);
  }

  columnsOf(box, x, y, w, h) {
    const {g, look, run, t} = this, [prefix, count] = box.bars;
    const n = Math.min(Math.round(run.at(count, t)), this.plan.most_bars);
    if (!n) return false;
    const wide = w / Math.max(n, this.plan.most_bars / 2), full = (h - 2) / 1.2;
    for (let i = 0; i < n; i++) {
      const load = run.at(prefix + String(i).padStart(2, '0'), t), over = load > 1.001;
      const tall = Math.max(0.03, Math.min(load, 1.2)) * full;
      g.fillStyle = over ? look.alarm : look.fates.sent;
      g.fillRect(x + i * wide, y + h - tall, Math.max(wide - 2, 1), tall);
      if (over && wide > 5) this.words(load > 1.2 ? '\u25b2' : '!', x + i * wide + wide / 2 - 1, y + h - 3,
        {bold: true, size: 0.8, align: 'center', ink: look.paper});
    }
    g.strokeStyle = look.ink;
    g.lineWidth = 1;
    g.setLineDash([3, 3]);
    g.beginPath();
    g.moveTo(x - 2, y + h - full);
    g.lineTo(x + w + 2, y + h - full);
    g.stroke();
    g.setLineDash([]);
    return true;
  }

  // The faults that hold for a box, or for one of several of its kind.
  held(box) {
    const {run, t} = this, stem = piece => piece.replace(/-[^-]*$/, '');
    return run.faults.filter(([part, , from, to]) => box.breaks && from <= t && t < to && (
      part === box.breaks || /-\d+$/.test(box.breaks) && stem(part) === stem(box.breaks)));
  }

  // Faults that hold: the box crossed out, or a tag if only a part of it is broken.
  broken(held, box, x, y, w, h) {
    const {g, look, font} = this, several = /-\d+$/.test(box.breaks);
    if (!held.length) return;
    if (!several && held.some(([, what]) => what === 'down')) {
      g.strokeStyle = look.alarm;
      g.globalAlpha = 0.5;
      g.lineWidth = 5;
      g.beginPath();
      g.moveTo(x + 6, y + 6); g.lineTo(x + w - 6, y + h - 6);
      g.moveTo(x + w - 6, y + 6); g.lineTo(x + 6, y + h - 6);
      g.stroke();
      g.globalAlpha = 1;
    }
    const text = '\u2715 ' + held.map(([part, what]) => several ? `${part} ${what}` : what)
      .join(', ');
    g.font = `bold ${0.85 * font}px ${look.face}`;
    const wide = Math.min(g.measureText(text).width + 0.8 * font, w);
    g.fillStyle = look.alarm;
    g.beginPath();
    g.roundRect(x + w - wide - 3, y - 0.7 * font, wide, 1.3 * font, 4);
    g.fill();
    this.words(text, x + w - wide + 0.4 * font - 3, y + 0.28 * font,
      {bold: true, size: 0.85, room: wide - 0.8 * font, ink: look.paper});
  }
}
