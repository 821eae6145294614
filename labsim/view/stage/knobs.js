// -- knobs: one row per parameter ----------------------------------------------------------------

const node = (kind, properties = {}, ...children) => {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(properties))
    if (name.startsWith('aria-') || name === 'role' || name === 'for') made.setAttribute(name, value);
    else made[name] = value;
  made.append(...children);
  return made;
};
let ids = 0;

class Knob {
  // turned(name, value) is called when a hand changes it; a text is for the kernel to read.
  constructor(name, spec, turned) {
    Object.assign(this, {name, spec, turned});
    const id = `k${++ids}`, label = node('label', {textContent: spec.label, title: spec.help});
    label.htmlFor = id;
    this.reset = node('button', {className: 'reset', textContent: '\u21ba', type: 'button'});
    this.reset.onclick = () => turned(name, this.base);
    this.error = node('p', {className: 'error', role: 'alert', hidden: true});
    this.row = node('div', {className: `knob ${spec.kind}`}, label);
    const [first, second] = this.fields(id, name);
    this.row.append(first, ...(second ? [second] : []), this.reset, this.error);
  }

  fields(id, name) {
    const {spec} = this;
    if (spec.kind === 'flag') {
      this.field = node('input', {type: 'checkbox', id});
      this.field.onchange = () => this.turned(name, this.field.checked);
      return [this.field];
    }
    if (spec.kind === 'choice') {
      this.field = node('select', {id}, ...spec.choices.map(c => new Option(
        typeof c === 'number' ? amount(c, spec.unit) : c, c)));
      this.field.onchange = () => this.turned(name,
        spec.choices.find(c => String(c) === this.field.value));
      return [this.field];
    }
    this.field = node('input', {type: 'text', id, className: 'value', autocomplete: 'off',
      spellcheck: false});
    const give = () => {
      if (this.field.value === this.shown) return;
      this.shown = this.field.value;
      this.turned(name, this.field.value);
    };
    this.field.onchange = give;
    this.field.onfocus = () => this.field.select();
    this.field.onkeydown = event => {
      if (event.key === 'Enter') give();
      if (event.key === 'Escape') this.field.value = this.shown;
    };
    if (spec.kind === 'text') return [this.field];
    this.slider = node('input', {type: 'range', min: 0, max: spec.travel.length - 1, step: 1,
      'aria-label': `${spec.label}, slider`, title: spec.help});
    const hold = () => { this.held = this.value; };
    this.slider.onpointerdown = this.slider.onfocus = hold;
    this.slider.oninput = () => {
      const value = spec.travel[this.slider.value];
      this.put(value, true);
      this.turned(name, value);
    };
    this.slider.onkeydown = event => {
      if (event.key !== 'Escape' || this.held === undefined || this.held === this.value) return;
      event.stopPropagation();
      this.turned(name, this.held);
      this.put(this.held);
    };
    return [this.field, this.slider];
  }

  // Show a value, and whether it is the step's own.
  show(value, base, moved) {
    this.base = base;
    this.put(value);
    const changed = value !== base;
    this.row.classList.toggle('changed', changed);
    this.row.classList.toggle('moved', moved);
    this.reset.hidden = !changed;
    const text = this.spec.kind === 'number' ? amount(base, this.spec.unit) : String(base);
    this.reset.title = `Back to ${text}`;
    this.reset.setAttribute('aria-label', `${this.spec.label}: back to ${text}`);
  }

  put(value, sliding = false) {
    const {spec, field, slider} = this;
    this.value = value;
    if (spec.kind === 'flag') field.checked = value;
    else if (spec.kind === 'choice') {
      if (!spec.choices.includes(value)) field.append(new Option(amount(value, spec.unit), value));
      field.value = value;
    } else if (field !== field.getRootNode().activeElement || sliding || field.value === this.shown) {
      this.shown = field.value = spec.kind === 'number' ? amount(value, spec.unit) : value;
    }
    if (!slider) return;
    if (!sliding) {
      let best = 0;
      spec.travel.forEach((stop, i) => {
        if (Math.abs(stop - value) < Math.abs(spec.travel[best] - value)) best = i;
      });
      slider.value = best;
    }
    slider.setAttribute('aria-valuetext', amount(value, spec.unit));
  }

  complain(text) {
    this.error.hidden = !text;
    this.error.textContent = text;
  }
}

// Whether a parameter has any effect beside the others' values.
function matters(specs, values, name) {
  const when = specs[name]?.when;
  return !when || when[1].includes(values[when[0]]) && matters(specs, values, when[0]);
}
