/* A small explorer: the knobs that are free, the goals, each green when it is met. */

function design(ask, turn) {
  const at = ask.knobs.map(knob => knob.start), undo = h('button', {type: 'button', onclick() {
    ask.knobs.forEach((knob, i) => set(i, knob.start));
    turned();
  }}, 'Back to the start');
  const controls = ask.knobs.map((knob, i) => {
    const id = `knob-${i}`, label = h('label', {for: id}, knob.label);
    const said = h('output', {for: id});
    let control, before = knob.start;
    if (knob.kind === 'slider') {
      control = h('input', {id, type: 'range', min: 0, max: knob.values.length - 1, step: 1,
        value: knob.start, onfocus() { before = at[i]; },
        oninput() { set(i, Number(control.value)); turned(); },
        onkeydown(event) {
          if (event.key === 'Escape') { set(i, before); turned(); event.preventDefault(); }
        }});
    } else if (knob.kind === 'menu') {
      control = h('select', {id, onchange() { set(i, control.selectedIndex); turned(); }},
        knob.texts.map(text => h('option', {}, text)));
    } else {
      control = h('input', {id, type: 'checkbox',
        onchange() { set(i, Number(control.checked)); turned(); }});
    }
    control.setAttribute('aria-description', knob.help);
    return {control, said, row: h('div', {class: `knob ${knob.kind}`, title: knob.help},
      label, control, said)};
  });
  function set(i, value) {
    const knob = ask.knobs[i], {control, said, row} = controls[i];
    at[i] = value;
    if (knob.kind === 'slider') {
      control.value = value;
      control.setAttribute('aria-valuetext', knob.texts[value]);
    } else if (knob.kind === 'menu') control.selectedIndex = value;
    else control.checked = Boolean(value);
    said.textContent = knob.kind === 'menu' ? '' : knob.texts[value];
    row.classList.toggle('turned', value !== knob.start);
  }
  ask.knobs.forEach((knob, i) => set(i, knob.start));

  const value = () => Object.fromEntries(ask.knobs.map((knob, i) => [knob.name, knob.values[at[i]]])
    .filter((_, i) => at[i] !== ask.knobs[i].start));
  const goals = ask.goals.map(words => {
    const sign = h('span', {class: 'sign', 'aria-hidden': 'true'}, '\u25cb');
    const now = h('span', {class: 'now'});
    return {sign, now, row: h('li', {class: 'goal'}, sign, h('span', {}, words, ' ', now))};
  });
  const cost = h('p', {class: 'cost', role: 'status', 'aria-live': 'polite'});
  const turned = () => turn(value());

  return {
    parts: [h('div', {class: 'bench'}, h('div', {class: 'knobs'}, controls.map(c => c.row)),
      h('div', {class: 'goals'}, h('p', {class: 'head'}, 'Goals'),
        h('ul', {}, goals.map(goal => goal.row)), cost,
        h('p', {class: 'help'}, `At the least ${ask.aim}.`)))],
    buttons: [undo], value, start: () => turn(value()),
    told({goals: met, cost: paid, error}) {
      if (error) {
        for (const {row, sign, now} of goals) {
          row.classList.remove('met', 'missed');
          sign.textContent = '\u25cb';
          now.textContent = '';
        }
        cost.textContent = error;
        return;
      }
      if (!met) return;
      met.forEach((goal, i) => {
        goals[i].row.classList.toggle('met', goal.met);
        goals[i].row.classList.toggle('missed', !goal.met);
        goals[i].sign.textContent = goal.met ? '\u2713' : '\u2717';
        goals[i].now.textContent = `(now ${goal.now}: ${goal.met ? 'met' : 'not met'})`;
      });
      const count = met.filter(goal => goal.met).length;
      cost.textContent = `${count} of ${met.length} ${met.length > 1 ? 'goals' : 'goal'} met, `
        + `${ask.aim} ${paid}.`;
    },
  };
}
