// -- the drawer: all knobs, all numbers, the log, this run elsewhere -----------------------------

class Drawer {
  constructor(stage) {
    Object.assign(this, {stage, rows: {}});
    const {plan} = stage, pane = stage.part('.drawer');
    this.search = node('input', {type: 'search', placeholder: 'Find a knob',
      'aria-label': 'Find a knob'});
    this.search.oninput = () => this.refresh();
    this.groups = new Map();
    const groups = node('div', {className: 'groups'});
    for (const [name, spec] of Object.entries(plan.knobs)) {
      if (!this.groups.has(spec.group)) {
        const rows = node('div', {className: 'rows'});
        const group = node('details', {open: true}, node('summary', {textContent: spec.group}), rows);
        this.groups.set(spec.group, [group, rows]);
        groups.append(group);
      }
      this.rows[name] = new Knob(name, spec, (...turn) => stage.turn(...turn));
      this.groups.get(spec.group)[1].append(this.rows[name].row);
    }
    this.seed = node('input', {type: 'text', className: 'value', inputMode: 'numeric'});
    this.seed.onchange = () => stage.tell('seed', {value: this.seed.value});
    this.many = node('button', {textContent: '30 runs', 'aria-pressed': 'false',
      title: 'Is that luck? The same with other seeds'});
    this.many.onclick = () => stage.tell('many',
      {value: this.many.getAttribute('aria-pressed') !== 'true'});
    this.faults = node('div', {className: 'faults'});
    this.numbers = node('div', {className: 'numbers'});
    this.log = node('ol', {className: 'log', tabIndex: 0, 'aria-label': 'Event log'});
    this.code = node('input', {readOnly: true, 'aria-label': 'This run as a line of Python'});
    this.link = node('input', {readOnly: true, 'aria-label': 'This run as a link to a demo'});
    const files = ['csv', 'json', 'html', 'pdf'].map(kind => {
      const button = node('button', {textContent: kind.toUpperCase()});
      button.onclick = () => stage.tell('save', {value: kind});
      return button;
    });
    const title = text => node('h3', {textContent: text});
    pane.append(node('div', {className: 'find'}, this.search,
      node('label', {}, 'Seed ', this.seed), this.many, this.told = node('span')), groups,
      title('Break a part'), this.faults, title('All numbers'), this.numbers,
      title('Event log'), this.log, title('This run elsewhere'),
      node('label', {}, 'Python ', this.code), node('label', {}, 'Link ', this.link),
      node('div', {className: 'files'}, 'Save as ', ...files));
  }

  refresh() {
    const {stage} = this, {plan, values, state, run} = stage;
    if (stage.part('.drawer').hidden || !state) return;
    const wanted = this.search.value.trim().toLowerCase();
    for (const [group, rows] of this.groups.values()) {
      let any = false;
      for (const row of rows.children) {
        const name = Object.keys(this.rows).find(key => this.rows[key].row === row);
        const spec = plan.knobs[name];
        row.hidden = !matters(plan.knobs, values, name) || wanted
          && !`${name} ${spec.label} ${spec.help}`.toLowerCase().includes(wanted);
        any ||= !row.hidden;
      }
      group.hidden = !any;
    }
    for (const [name, knob] of Object.entries(this.rows)) stage.put(knob, name, state.error);
    this.seed.value = state.seed;
    this.many.setAttribute('aria-pressed', Boolean(state.many));
    this.told.textContent = state.told ?? '';
    this.code.value = state.code;
    this.link.value = state.link;
    this.breaks();
    const ghost = stage.ghost, many = state.many ?? {};
    this.numbers.replaceChildren(table(Object.entries(plan.metrics)
      .filter(([name]) => name in run.summary).map(([name, metric]) => [metric.label,
        amount(run.summary[name], metric.unit), many[name] ?? was(metric, run.summary[name],
          ghost?.summary[name], alike(plan, run, ghost)), metric.meaning])), ...run.theory.map(textContent =>
      node('p', {textContent})));
    this.log.replaceChildren(...run.events.map(([t, , text]) => {
      const at = node('button', {textContent: clock(t)});
      at.onclick = () => { stage.unfold(false); stage.player.seek(t); };
      return node('li', {}, at, ` ${text}`);
    }), ...(run.later ? [node('li', {textContent: `and ${run.later} more`})] : []));
  }

  // What can be broken: part, how, for how long, how badly.
  breaks() {
    const {stage} = this, {breakable} = stage.run, key = JSON.stringify(Object.keys(breakable));
    if (key === this.known) return;
    this.known = key;
    const choose = (name, options) => node('select', {'aria-label': name},
      ...options.map(option => new Option(option, option)));
    const part = choose('What breaks', Object.keys(breakable)), what = choose('How it breaks', []);
    const lasts = node('input', {type: 'text', className: 'value', 'aria-label': 'For how long',
      value: amount(Number((stage.run.duration / 10).toPrecision(2)), 's')});
    const badly = node('input', {type: 'text', className: 'value', 'aria-label': 'How badly'});
    const unit = node('span');
    const how = () => {
      const [usual, word, meaning] = breakable[part.value]?.[what.value] ?? [0, '', ''];
      badly.hidden = !word;
      badly.value = usual;
      unit.textContent = word;
      what.title = meaning;
    };
    const whose = () => {
      what.replaceChildren(...Object.keys(breakable[part.value] ?? {}).map(w => new Option(w, w)));
      how();
    };
    part.onchange = whose;
    what.onchange = how;
    whose();
    const strike = node('button', {textContent: 'Break it', title: 'From the moment shown on'});
    strike.onclick = () => stage.tell('strike', {value: [part.value, what.value, lasts.value,
      badly.hidden ? 0 : badly.value], at: stage.player.t});
    const mend = node('button', {textContent: 'Mend all'});
    mend.onclick = () => stage.tell('mend');
    this.faults.replaceChildren(...(Object.keys(breakable).length
      ? [part, what, badly, unit, ' for ', lasts, strike, mend] : ['Nothing here can be broken.']));
  }
}

function table(rows) {
  return node('table', {}, ...rows.map(cells => node('tr', {}, ...cells.map((cell, i) =>
    node(i ? 'td' : 'th', {textContent: cell, ...(i ? {} : {scope: 'row'})})))));
}
