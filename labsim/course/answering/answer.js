/* Questions that are answered where they stand: see widget.py. Only the widget protocol is used:
   get, on, off, send. All of it is in a shadow root whose host keeps keys from the notebook. */

const PATIENCE = 8000;      // milliseconds until it is said that the kernel does not answer
const KEYS = 'data-lm-suppress-shortcuts';

/** What a question of causes is answered with. */
function choices(ask) {
  const radios = ask.choices.map((_, i) => h('input', {type: 'radio', name: 'choice', value: i}));
  const rows = ask.choices.map((words, i) => h('label', {class: 'choice'}, radios[i],
    h('span', {class: 'letter'}, `${'abcdefgh'[i]})`), h('span', {}, words)));
  return {parts: rows, buttons: [], enter: radios,
    value: () => 'abcdefgh'[radios.findIndex(radio => radio.checked)] ?? null};
}

/** What a prediction is answered with: a number, or as people write one, and its unit. */
function number(ask) {
  const field = h('input', {type: 'text', inputmode: 'decimal', autocomplete: 'off', size: 12,
    'aria-describedby': 'within'});
  const pad = h('div', {class: 'pad', hidden: true, role: 'group', 'aria-label': 'Keypad'},
    [...'789456123', '.', '0', '\u232b'].map(key => h('button', {type: 'button',
      'aria-label': key === '\u232b' ? 'Delete' : key === '.' ? 'Point' : key,
      onclick() { field.value = key === '\u232b' ? field.value.slice(0, -1) : field.value + key; }},
    key)));
  const keypad = h('button', {type: 'button', class: 'keypad', 'aria-expanded': 'false', onclick() {
    pad.hidden = !pad.hidden;
    keypad.setAttribute('aria-expanded', String(!pad.hidden));
  }}, 'Keypad');
  return {parts: [h('p', {class: 'number'}, h('label', {}, 'Your answer ', field),
    h('span', {class: 'unit'}, ` ${ask.unit}`), h('span', {class: 'help', id: 'within'},
      ` ${ask.within}`)), pad], buttons: [keypad], enter: [field], value: () => field.value};
}

const MADE = {explain: choices, predict: number, design, sketch};

/** One question; `send(do, value)` says something to the kernel. Returns what replies go to. */
function question(ask, send) {
  let waits = null, turning = false, latest = null;
  const said = h('div', {class: 'said', role: 'status', 'aria-live': 'polite'});
  const picture = h('figure', {hidden: true}, h('img', {alt: ''}));
  const turn = value => {
    if (turning) { latest = value; return; }
    turning = true;
    send('try', value);
  };
  const body = MADE[ask.kind](ask, turn);
  const button = h('button', {type: 'button', class: 'check', onclick: check}, 'Check');
  const run = h('button', {type: 'button', hidden: true, onclick() {
    wait('Running \u2026');
    send('run', body.value());
  }}, 'Show me this run');
  for (const field of body.enter ?? []) {
    field.addEventListener('keydown', event => {
      if (event.key === 'Enter') { event.preventDefault(); check(); }
    });
  }
  const mark = h('span', {class: 'solved', hidden: !ask.solved}, ' \u2713 answered');
  const node = h('section', {class: `ask ${ask.kind}`}, h('fieldset', {},
    h('legend', {}, h('b', {}, ask.title), ` ${ask.text}`, mark),
    ask.notes.map(note => h('p', {class: 'help'}, note)), body.parts,
    h('p', {class: 'buttons'}, button, body.buttons, run)), said, picture);

  function check() {
    const value = body.value();
    if (value === null || value === '') {
      fill(said, h('p', {}, ask.kind === 'sketch' ? 'Draw a curve first.' : 'Not answered yet.'));
      return;
    }
    wait('Checking \u2026');
    send('answer', value);
  }
  function wait(words) {
    node.setAttribute('aria-busy', 'true');
    fill(said, h('p', {class: 'help'}, words));
    clearTimeout(waits);
    waits = setTimeout(() => fill(said, h('p', {class: 'help'}, 'No answer from the kernel yet. If '
      + 'it is gone, run this cell again.')), PATIENCE);
  }
  const here = () => { clearTimeout(waits); node.removeAttribute('aria-busy'); };

  return {node, body,
    told(reply) {
      here();
      node.classList.toggle('right', reply.right === true);
      node.classList.toggle('wrong', reply.right === false);
      if (reply.right) mark.hidden = false;
      fill(said, reply.error ? h('p', {}, reply.error) : [
        h('p', {}, reply.head ? h('b', {}, reply.head) : '', reply.head ? ' ' : '', reply.reason),
        reply.more ? h('p', {class: 'more'}, reply.named ? h('b', {}, `${reply.named}: `) : '',
          reply.more) : '',
        reply.trouble ? h('p', {}, reply.trouble) : '']);
      if (typeof reply.right === 'boolean' && ask.runs) run.hidden = false;
      body.told?.(ask.kind === 'sketch' ? reply.curve : reply);
    },
    tried(reply) {
      turning = false;
      body.told?.(reply);
      if (latest) { const value = latest; latest = null; turn(value); }
    },
    ran(reply, again) {
      here();
      if (reply.error) { fill(said, h('p', {}, reply.error)); return; }
      picture.hidden = false;
      picture.firstChild.src = reply.src;
      picture.firstChild.alt = reply.alt;
      if (ask.kind === 'sketch') body.told(reply.curve);
      again();
    },
  };
}

/** Whether the page is dark: JupyterLab says so, or the page's colour scheme, or the system. */
function dark() {
  const said = document.body.dataset.jpThemeLight;
  if (said !== undefined) return said === 'false';
  if (document.body.classList.contains('vscode-dark')) return true;
  if (document.body.classList.contains('vscode-light')) return false;
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  if (scheme === 'dark' || scheme === 'light') return scheme === 'dark';
  return scheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches;
}

function render({model, el}) {
  const host = h('div', {[KEYS]: 'true', class: 'labsim-answer'});
  const root = host.attachShadow({mode: 'open'});
  const asks = model.get('asks'), seen = {told: [], tried: [], ran: []};
  let n = Date.now();
  const score = h('p', {class: 'score', role: 'status', 'aria-live': 'polite',
    hidden: asks.length < 2});
  const questions = asks.map((ask, place) => question(ask, (what, value) => {
    n += 1;
    model.send({do: what, ask: place, value, n, dark: dark()});
  }));
  const all = h('div', {class: 'all', role: 'group', 'aria-label': model.get('label')}, score,
    questions.map(one => one.node));
  root.append(h('style', {}, LOOK), all);
  // Outside of Jupyter nobody reads the host's attribute: no key goes further than here.
  for (const kind of ['keydown', 'keypress', 'keyup']) {
    host.addEventListener(kind, event => event.stopPropagation());
  }
  el.append(host);

  function count() {
    const told = model.get('told');
    const right = told.filter((reply, i) => reply.right ?? asks[i].solved).length;
    score.textContent = `${right} of ${asks.length} right`;
  }
  function hear(name) {
    model.get(name).forEach((reply, i) => {
      if (reply.n === undefined || reply.n === seen[name][i]) return;
      seen[name][i] = reply.n;
      const before = model.get('told')[i];
      questions[i][name](reply, () => { if (before.n !== undefined) questions[i].told(before); });
    });
    count();
  }
  const ears = Object.keys(seen).map(name => [`change:${name}`, () => hear(name)]);
  for (const [name, ear] of ears) model.on(name, ear);
  Object.keys(seen).forEach(hear);
  count();

  const look = () => all.classList.toggle('dark', dark());
  const watch = new MutationObserver(look), scheme = matchMedia('(prefers-color-scheme: dark)');
  for (const node of [document.body, document.documentElement]) {
    watch.observe(node, {attributes: true});
  }
  scheme.addEventListener('change', look);
  look();
  // Goals are worked out when they come into sight, not all at once at the start.
  const sight = new IntersectionObserver(entries => entries.forEach(entry => {
    const one = questions.find(({node}) => node === entry.target);
    if (entry.isIntersecting && one) { sight.unobserve(one.node); one.body.start?.(); }
  }));
  questions.forEach(one => one.body.start && sight.observe(one.node));

  return () => {
    for (const [name, ear] of ears) model.off?.(name, ear);
    watch.disconnect();
    sight.disconnect();
    scheme.removeEventListener('change', look);
  };
}

function raise(model, place) {
  place.answered?.();
  place.replaceChildren();
  place.answered = render({model, el: place});
}

export default {initialize: ({model}) => alive(model, place => raise(model, place)), render};
