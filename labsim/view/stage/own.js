// -- a file of one's own traffic: dropped on the stage, or chosen ---------------------------------

const PIECE = 4 * 2 ** 20;      // bytes in a message: Jupyter's servers take ten million at most
const PER_PIECE = 3000;         // milliseconds more that a kernel may say nothing, for each of them
const LIFTED = 700;             // milliseconds without a word of what is dragged: it has gone
const KINDS = 'CloudWatch, access logs, locust, k6, CSV';

class Own {
  constructor(stage, on) {
    this.stage = stage;
    const where = stage.model.get('wall') ? document : stage.host;
    for (const kind of ['dragenter', 'dragover', 'drop'])
      where.addEventListener(kind, event => this.dragged(event), on);
    const button = stage.part('.own'), field = stage.part('[type=file]');
    button.hidden = !stage.plan.own;
    button.onclick = () => field.click();
    field.onchange = () => {
      const files = [...field.files];
      field.value = '';         // the same file may be chosen again
      if (files.length) this.take(files);
    };
  }

  // Whatever is dropped here, the browser never leaves for it.
  dragged(event) {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = this.refused() ? 'none' : 'copy';
    clearTimeout(this.lifted);
    if (event.type !== 'drop') {
      if (!this.sending) this.say(this.refused() || `Drop it here: your own traffic (${KINDS})`);
      this.lifted = setTimeout(() => this.say(''), LIFTED);
      return;
    }
    this.say('');
    const [first] = [...event.dataTransfer.items].filter(item => item.kind === 'file');
    const folder = first?.webkitGetAsEntry?.()?.isDirectory;
    this.take([...event.dataTransfer.files], folder);
  }

  // Why no file is taken now, if so.
  refused() {
    const {plan, live, dead, model} = this.stage;
    if (!plan.own) return `This lab takes no traffic of your own: ${plan.title}.`;
    if (live && !dead) return '';
    if (model.get('wall')) return 'Reload this page to use your own traffic.';
    return (plan.gone ?? GONE) === GONE ? 'Run this cell to use your own traffic.'
      : 'This is a recording. Run the lab to use your own traffic.';
  }

  async take(files, folder = false) {
    const {stage} = this, [file] = files, most = stage.plan.own?.most;
    if (this.sending) return;
    const wrong = this.refused() || (folder || !file) && `${file?.name ?? 'That'} is a folder: `
      + 'drop a file of it.' || file.size > most && `${file.name} has ${amount(file.size, 'bytes')}`
      + `: at most ${amount(most, 'bytes')}.`;
    if (wrong) { stage.complain(wrong); return; }
    const pieces = Math.max(1, Math.ceil(file.size / PIECE));
    this.sending = true;
    this.say(`Reading ${file.name}, ${amount(file.size, 'bytes')}\u2026`);
    try {
      for (let i = 0; i < pieces; i++) {
        const data = await file.slice(i * PIECE, (i + 1) * PIECE).arrayBuffer();
        stage.tell('file', {value: file.name, part: [i, pieces], files: files.length},
          [data], pieces * PER_PIECE);
      }
    } catch {
      this.answered();
      stage.complain(`${file.name} can't be read: is it a folder, or has it changed?`);
    }
  }

  answered() {
    this.sending = false;
    this.say('');
  }

  say(text) {
    const place = this.stage.part('.drop');
    place.hidden = !text;
    if (place.firstChild.textContent !== text) place.firstChild.textContent = text;
  }
}
