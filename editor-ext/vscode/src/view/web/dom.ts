/** Making elements. Nothing sets a style attribute: the page's policy allows none. Places are set through CSSOM. */

export type Attributes = Record<string, string | number | boolean | null | undefined>;

type Child = Element | string | null;

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes (true is an empty one; false, null and undefined none) and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) {
      if (element.hasAttribute(name)) {
        element.removeAttribute(name);
      }
    } else {
      const text = value === true ? '' : String(value);
      if (element.getAttribute(name) !== text) {
        element.setAttribute(name, text);
      }
    }
  }
}

/** Replace what is in an element, where that differs. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** What had the keyboard and was drawn anew, by the `data-name` that it has within an element. */
let lost: { within: Element; name: string } | null = null;

/** Draw anew what is in an element: what had the keyboard has it again, where there is one of its `data-name`. */
export function redrawn(element: Element, draw: () => void): void {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const name = active?.getAttribute('data-name') ?? null;
  if (name !== null) {
    lost = { within: element, name };
  }
  draw();
  giveBack();
}

/** Give the keyboard back to what was drawn anew; only once it is in the page: it is not taken from who types a text. */
export function giveBack(): void {
  if (lost === null || !document.hasFocus()) {
    return;
  }
  const again = lost.within.querySelector<HTMLElement>(`[data-name="${CSS.escape(lost.name)}"]`);
  lost = null;
  if (document.activeElement === document.body) {
    again?.focus({ preventScroll: true });
  }
}

/** Put an element somewhere, in pixels. */
export function put(element: HTMLElement, x: number, y: number, width: number, height: number): void {
  const { style } = element;
  style.left = `${x}px`;
  style.top = `${y}px`;
  style.width = `${width}px`;
  style.height = `${height}px`;
}

let ids = 0;

/** A name that no other element has. */
export function fresh(what: string): string {
  ids += 1;
  return `${what}-${ids}`;
}

/** A drop-down list of named choices; `groups` are headings with the choices below them, empty for none. */
export class Picker {
  readonly element: HTMLElement;
  private readonly select: HTMLSelectElement;
  private drawn = '';

  constructor(label: string, changed: (value: string) => void) {
    const id = fresh('pick');
    this.select = el('select', { id });
    this.select.addEventListener('change', () => changed(this.select.value));
    this.element = el('div', { class: 'picker' }, el('label', { for: id }, label), this.select);
  }

  get value(): string {
    return this.select.value;
  }

  update(value: string, groups: [heading: string, choices: [value: string, text: string][]][]): void {
    const wanted = JSON.stringify(groups);
    if (this.drawn !== wanted) {
      this.drawn = wanted;
      this.select.replaceChildren(
        ...groups.flatMap(([heading, choices]) => {
          const options = choices.map(([choice, text]) => el('option', { value: choice }, text));
          return heading === '' ? options : [el('optgroup', { label: heading }, ...options)];
        }),
      );
    }
    this.select.value = value;
  }
}

/** Buttons of which one is pressed in: radio buttons, so that the keyboard works as people know it. */
export class Choice<T extends string> {
  readonly element: HTMLElement;
  private readonly inputs = new Map<T, HTMLInputElement>();

  constructor(label: string, choices: [T, string][], changed: (value: T) => void) {
    const name = fresh('choice');
    this.element = el('fieldset', { class: 'choice' }, el('legend', { class: 'unseen' }, label));
    for (const [value, text] of choices) {
      const input = el('input', { type: 'radio', name, value });
      input.addEventListener('change', () => changed(value));
      this.inputs.set(value, input);
      this.element.append(el('label', {}, input, el('span', {}, text)));
    }
  }

  update(value: T): void {
    for (const [choice, input] of this.inputs) {
      input.checked = choice === value;
    }
  }
}
