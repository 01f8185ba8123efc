// The live page: numbers and events as they come, and zones that are moved by their corners.
'use strict';

const $ = id => document.getElementById(id);
const svg = $('places');
let settings = null;      // what the service has
let draft = null;         // a place in the making: {kind, points}
let drag = null;          // a corner that is being moved: {points, at}
const history = [];       // [time, network ms, age ms]

// ---- numbers

function show(numbers) {
  const value = (id, number, digits) => { $(id).textContent = number < 0 ? '–' : number.toFixed(digits); };
  value('fps', numbers.fps, 1);
  value('age', numbers.age_ms, 0);
  value('infer', numbers.infer_ms, 1);
  value('objects', numbers.objects, 0);
  value('temperature', numbers.temperature, 1);
  const state = $('state');
  state.className = numbers.lost ? 'bad' : '';
  const slow = numbers.level > 0 ? ', slowed down to keep cool' : '';
  state.textContent = numbers.lost ? 'the camera is away' : `frame ${numbers.frame}${slow}`;
  const whole = numbers.age_ms >= 0 ? numbers.age_ms : numbers.preprocess_ms + numbers.infer_ms + numbers.postprocess_ms;
  history.push([Date.now(), numbers.infer_ms, whole]);
  while (history.length && history[0][0] < Date.now() - 60000) history.shift();
  chart();
  counts(numbers);
}

function chart() {
  const canvas = $('chart');
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth * ratio, height = canvas.clientHeight * ratio;
  if (canvas.width !== width) { canvas.width = width; canvas.height = height; }
  const style = getComputedStyle(document.documentElement);
  const draw = canvas.getContext('2d');
  draw.clearRect(0, 0, width, height);
  const most = Math.max(1, ...history.map(entry => Math.max(entry[1], entry[2])));
  const top = most * 1.15, now = Date.now();
  draw.font = `${11 * ratio}px system-ui`;
  draw.fillStyle = style.getPropertyValue('--soft');
  draw.fillText(`${most.toFixed(0)} ms`, 2 * ratio, 12 * ratio);
  [[2, '--all'], [1, '--chart']].forEach(([column, colour]) => {
    draw.strokeStyle = style.getPropertyValue(colour);
    draw.lineWidth = 1.5 * ratio;
    draw.beginPath();
    history.forEach((entry, index) => {
      const x = width * (1 - (now - entry[0]) / 60000), y = height * (1 - entry[column] / top);
      if (index) draw.lineTo(x, y); else draw.moveTo(x, y);
    });
    draw.stroke();
  });
}

function counts(numbers) {
  numbers.zones.forEach(zone => text(`zone ${zone.name}`, `${zone.now} now, ${zone.entered} in all`));
  numbers.lines.forEach(line => {
    const ways = Object.entries(line).filter(([key]) => key !== 'name');
    text(`line ${line.name}`, ways.map(([way, count]) => `${way} ${count}`).join(', '));
  });
}

function text(key, words) {
  for (const item of $('list').children) if (item.dataset.key === key) item.querySelector('.count').textContent = words;
}

function happened(event) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date(event.unix_ms).toLocaleTimeString();
  const dwell = event.dwell_ms ? ` after ${(event.dwell_ms / 1000).toFixed(1)} s` : '';
  const place = event.zone ?? `${event.line}, ${event.way}`;
  item.append(time, `${event.class} #${event.track} ${event.event} ${place}${dwell}`);
  $('events').prepend(item);
  while ($('events').children.length > 64) $('events').lastChild.remove();
}

function listen() {
  const source = new EventSource('/live');
  source.onmessage = message => show(JSON.parse(message.data));
  source.addEventListener('happening', message => happened(JSON.parse(message.data)));
  source.onerror = () => { $('state').textContent = 'the service does not answer'; $('state').className = 'bad'; };
  // A picture that broke off comes back when the numbers do.
  source.onopen = () => { $('picture').src = `/stream.mjpg?${Date.now()}`; };
}

// ---- settings

async function load() {
  const answer = await fetch('/settings');
  settings = (await answer.json()).settings;
  drawAll();
}

async function save() {
  const answer = await fetch('/settings', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(settings) });
  $('problem').textContent = answer.ok ? '' : await answer.text();
  // What was refused goes back to what counts.
  if (answer.ok) { settings = (await answer.json()).settings; drawAll(); } else await load();
}

function drawAll() {
  $('score').value = settings.score;
  $('score-value').textContent = Number(settings.score).toFixed(2);
  drawPlaces();
  const list = $('list');
  list.replaceChildren();
  const entry = (kind, name, places, index) => {
    const item = document.createElement('li');
    item.className = kind;
    item.dataset.key = `${kind} ${name}`;
    const part = (tag, className, words) => { const node = document.createElement(tag); node.className = className; node.textContent = words; item.append(node); return node; };
    part('span', 'dot', '');
    part('span', 'name', name);
    part('span', 'count', '');
    const remove = part('button', '', '✕');
    remove.type = 'button';
    remove.setAttribute('aria-label', `remove ${kind} ${name}`);
    remove.onclick = () => { if (confirm(`Remove ${kind} ${name}?`)) { places.splice(index, 1); save(); } };
    list.append(item);
  };
  settings.zones.forEach((zone, index) => entry('zone', zone.name, settings.zones, index));
  settings.lines.forEach((line, index) => entry('line', line.name, settings.lines, index));
  settings.masks.forEach((mask, index) => entry('mask', `mask ${index + 1}`, settings.masks, index));
}

// ---- places on the picture

function shape(tag, attributes, className) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  if (className) node.setAttribute('class', className);
  svg.append(node);
  return node;
}

const spell = points => points.map(([x, y]) => `${x * 1000},${y * 1000}`).join(' ');

function drawPlaces() {
  svg.replaceChildren();
  const box = svg.getBoundingClientRect();
  // A corner is a circle of 8 pixels on the screen, 12 for a finger.
  const radius = matchMedia('(pointer: coarse)').matches ? 12 : 8;
  const [rx, ry] = [radius * 1000 / Math.max(box.width, 1), radius * 1000 / Math.max(box.height, 1)];
  const corner = (points, at, className) => {
    const node = shape('ellipse', { cx: points[at][0] * 1000, cy: points[at][1] * 1000, rx, ry }, className);
    node.addEventListener('pointerdown', event => {
      if (draft) return;
      drag = { points, at };
      svg.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
  };
  const title = (node, name) => { const words = document.createElementNS('http://www.w3.org/2000/svg', 'title'); words.textContent = name; node.append(words); };
  settings.masks.forEach(mask => { shape('polygon', { points: spell(mask.points) }, 'mask'); mask.points.forEach((_, at) => corner(mask.points, at)); });
  settings.zones.forEach(zone => {
    if (!zone.points) return;
    title(shape('polygon', { points: spell(zone.points) }), zone.name);
    zone.points.forEach((_, at) => corner(zone.points, at));
  });
  settings.lines.forEach(line => {
    const ends = [line.from, line.to];
    title(shape('line', { x1: ends[0][0] * 1000, y1: ends[0][1] * 1000, x2: ends[1][0] * 1000, y2: ends[1][1] * 1000 }), line.name);
    ends.forEach((_, at) => corner(ends, at, 'line'));
  });
  if (draft) {
    shape('polyline', { points: spell(draft.points) });
    draft.points.forEach(([x, y]) => shape('ellipse', { cx: x * 1000, cy: y * 1000, rx, ry }));
  }
}

function at(event) {
  const box = svg.getBoundingClientRect();
  const share = (value, length) => Math.round(Math.min(1, Math.max(0, value / length)) * 1000) / 1000;
  return [share(event.clientX - box.left, box.width), share(event.clientY - box.top, box.height)];
}

svg.addEventListener('pointermove', event => {
  if (!drag) return;
  const [x, y] = at(event);
  drag.points[drag.at][0] = x;
  drag.points[drag.at][1] = y;
  drawPlaces();
});
svg.addEventListener('pointerup', () => { if (drag) { drag = null; save(); } });
svg.addEventListener('pointercancel', () => { if (drag) { drag = null; load(); } });
svg.addEventListener('pointerdown', event => {
  if (!draft) return;
  draft.points.push(at(event));
  drawPlaces();
  if (draft.kind === 'line' && draft.points.length === 2) finish();
});

function begin(kind) {
  draft = { kind, points: [] };
  editing(true);
  $('hint').textContent = kind === 'line' ? 'Tap both ends of the line.' : 'Tap the corners one after another, then Done.';
}

function editing(on) {
  ['add-zone', 'add-line', 'add-mask'].forEach(id => { $(id).hidden = on; });
  $('done').hidden = !on || draft?.kind === 'line';
  $('cancel').hidden = !on;
  $('view').classList.toggle('drawing', on);
  if (!on) $('hint').textContent = '';
}

function free(kind, places) {
  for (let number = 1; ; number++) if (!places.some(place => place.name === `${kind} ${number}`)) return `${kind} ${number}`;
}

function finish() {
  const { kind, points } = draft;
  draft = null;
  editing(false);
  if (kind === 'line') {
    const name = prompt('What is the line called?', free('line', settings.lines));
    if (name) settings.lines.push({ name, from: points[0], to: points[1] });
  } else if (kind === 'zone') {
    const name = prompt('What is the zone called?', free('zone', settings.zones));
    if (name) settings.zones.push({ name, points });
  } else {
    settings.masks.push({ points, hide: true });
  }
  save();
}

$('add-zone').onclick = () => begin('zone');
$('add-line').onclick = () => begin('line');
$('add-mask').onclick = () => begin('mask');
$('done').onclick = finish;
$('cancel').onclick = () => { draft = null; editing(false); drawPlaces(); };
$('score').oninput = () => { $('score-value').textContent = Number($('score').value).toFixed(2); };
$('score').onchange = () => { settings.score = Number($('score').value); save(); };
addEventListener('resize', () => { if (settings) drawPlaces(); });
$('picture').onload = () => { if (settings && !drag) drawPlaces(); };

load().then(listen);
