// Controls made from the program's table of options: one for each row, of the kind the row has.

// Where a slider ends; the number beside it takes the whole range of the table.
const usual = {
  "step": [0.002, 0.1], "octaves": [1, 8], "iterations": [1, 100], "octave-scale": [1.1, 2],
  "jitter": [0, 128], "border": [0, 16], "tv": [0, 4], "pull": [0, 4], "strength": [0, 32],
  "min-size": [75, 512], "stretch": [0, 100], "rate": [1, 60], "size-limit": [75, 1280], "steps": [0, 8],
};

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A slider's own scale of 0..1000: by ratio where the range spans decades, else even.
function scale(low, high, whole) {
  const ratio = low > 0 && high / low > 20;
  return {
    to: (value) => 1000 * (ratio ? Math.log(value / low) / Math.log(high / low)
      : (value - low) / (high - low)),
    from: (position) => {
      const value = ratio ? low * (high / low) ** (position / 1000)
        : low + (high - low) * position / 1000;
      return whole ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
    },
  };
}

function rangeText(option) {
  const unit = option.unit ? ` ${option.unit}` : "";
  if ((option.type !== "int" && option.type !== "real") || option.maximum >= 1e6) return "";
  return `${option.minimum} to ${option.maximum}${unit}`;
}

function makeChoice(option, id, send) {
  const select = element("select", { id, onchange: () => send(select.value) },
    ...option.choices.map((choice) => element("option", { value: choice }, choice)));
  return { field: select, show: (value) => { select.value = value; } };
}

function makeText(option, id, send) {
  const field = element("input", { id, type: "text", spellcheck: "false", autocomplete: "off",
    onchange: () => send(field.value.trim()) });
  return { field, show: (value) => { field.value = value; } };
}

function makeNumber(option, id, send) {
  const whole = option.type === "int";
  const [low, high] = usual[option.name] ?? [option.minimum, option.maximum];
  const { to, from } = scale(low, high, whole);
  const field = element("input", { id, type: "number", min: option.minimum, max: option.maximum,
    step: whole ? 1 : "any", onchange: () => send(field.value) });
  const slider = element("input", { type: "range", min: 0, max: 1000,
    step: whole && high - low < 100 ? 1000 / (high - low) : 1, "aria-label": option.name,
    oninput: () => {
      field.value = from(Number(slider.value));
      slider.setAttribute("aria-valuetext", field.value);
      send(field.value);
    } });
  const show = (value) => {
    field.value = value;
    slider.value = to(Number(value));
    slider.setAttribute("aria-valuetext", value);
  };
  return { field, slider, show };
}

// Text where a number may also be a word ("never", which the help says) or is too long for a slider's
// steps.
function kindOf(option) {
  if (option.type === "choice") return makeChoice;
  if (option.type === "text" || option.maximum >= 1e6 || / never = /.test(option.help)) return makeText;
  return makeNumber;
}

// A control of one row. `send(name, text)` resolves to an error or null; "" goes back to the preset.
// `show` returns whether it has another value than the preset.
export function makeControl(option, send, title) {
  const id = option.id ?? `option-${option.name}`;
  let timer, editing = 0;
  const error = element("p", { class: "error", role: "alert", id: `${id}-error`, hidden: true });
  const submit = (text) => {
    clearTimeout(timer);
    const mine = ++editing;
    timer = setTimeout(async () => {
      const said = await send(option.name, text);
      error.textContent = said ?? "";
      error.hidden = !said;
      made.field.setAttribute("aria-invalid", String(Boolean(said)));
      if (mine === editing && !said) editing = 0;
    }, 120);
  };
  const made = kindOf(option)(option, id, submit);
  made.field.setAttribute("aria-describedby", `${id}-help ${id}-error`);
  const reset = element("button", { type: "button", class: "reset", title: "Back to the preset's",
    "aria-label": `${option.name}: back to the preset's value`, onclick: () => submit("") }, "↺");
  const value = element("span", { class: "value" }, reset, made.field);
  if (option.name === "seed") {
    value.prepend(element("button", { type: "button", class: "link", onclick: () =>
      submit(String(Math.floor(Math.random() * 1e6))) }, "roll"));
  }
  const help = element("p", { class: "small", id: `${id}-help` });
  const wide = option.name.endsWith("layers");
  const root = element("div", { class: wide ? "control wide" : "control" },
    element("label", { for: id }, (title ?? option.name) + (option.restarts ? " ↻" : "")), value);
  if (made.slider) root.append(made.slider);
  root.append(help, error);
  const show = (state, preset) => {
    const usualValue = preset?.parameters[option.name] ?? "";
    const range = rangeText(option);
    const set = Boolean(preset) && (state.parameters[option.name] ?? "") !== usualValue;
    root.classList.toggle("set", set);
    help.textContent = `${option.help}${range ? ` (${range}; default ${usualValue})`
      : usualValue ? ` (default ${usualValue})` : ""}`;
    if (!editing && document.activeElement !== made.field)
      made.show(state.parameters[option.name] ?? "");
    return set;
  };
  return { root, show };
}
