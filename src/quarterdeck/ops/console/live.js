// HTML from the server that is changed only where it differs: what is focused, typed, scrolled or marked stays.
// Clicks on [data-act], input in [data-field], forms with [data-act] and closed dialogues are told to the server.

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.dataset?.key ?? "") === (b.dataset?.key ?? "");
}

function attributes(to, from) {
  for (const { name, value } of [...from.attributes]) {
    if (to.getAttribute(name) !== value) to.setAttribute(name, value);
  }
  for (const { name } of [...to.attributes]) {
    const own = name === "open" && (to.nodeName === "DIALOG" || to.nodeName === "DETAILS");
    if (!own && !from.hasAttribute(name)) to.removeAttribute(name);
  }
}

function away(node) {
  if (node.nodeName === "DIALOG" && node.open) node.close(); // gives the focus back to what opened it
  node.remove();
}

function morph(to, from) {
  let mine = to.firstChild;
  let news = from.firstChild;
  while (news) {
    const next = news.nextSibling;
    let found = mine;
    const keyed = news.dataset?.key !== undefined;
    while (found && !same(found, news)) found = keyed ? found.nextSibling : null;
    if (!found) {
      to.insertBefore(news, mine);
    } else {
      while (mine !== found) {
        const passed = mine;
        mine = mine.nextSibling;
        away(passed);
      }
      if (mine.nodeType === Node.ELEMENT_NODE) {
        attributes(mine, news);
        morph(mine, news);
      } else if (mine.data !== news.data) {
        mine.data = news.data;
      }
      mine = mine.nextSibling;
    }
    news = next;
  }
  while (mine) {
    const passed = mine;
    mine = mine.nextSibling;
    away(passed);
  }
}

function values(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) found[name] = value;
  return found;
}

export default {
  props: { html: String, tag: String },
  emits: ["act"],
  render() {
    return Vue.h(this.tag || "div");
  },
  mounted() {
    this.timers = new Map();
    this.$el.addEventListener("click", (event) => this.clicked(event));
    this.$el.addEventListener("input", (event) => this.typed(event));
    this.$el.addEventListener("submit", (event) => this.submitted(event));
    this.$el.addEventListener("keydown", (event) => this.pressed(event));
    this.$el.addEventListener("close", (event) => this.tell("close", { key: event.target.dataset.key ?? "" }), true);
    document.addEventListener("click", (event) => this.menus(event.target));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.menus(null));
    this.$el.innerHTML = this.html;
    this.opened();
    if (this.$el.querySelector("[data-wants-theme]")) {
      window.quarterdeckTheme.told((dark) => this.tell("theme", { dark }));
    }
  },
  watch: {
    html(now) {
      const shape = this.$el.cloneNode(false);
      shape.innerHTML = now;
      morph(this.$el, shape);
      this.opened();
    },
  },
  methods: {
    tell(act, words) {
      this.$emit("act", { act, ...words });
    },
    opened() {
      for (const dialog of this.$el.querySelectorAll("dialog[data-open]")) {
        if (!dialog.open) dialog.showModal();
      }
    },
    menus(inside) {
      for (const menu of this.$el.querySelectorAll("details.menu[open]")) {
        if (inside?.closest("summary") && menu.contains(inside)) continue;
        const held = menu.contains(document.activeElement);
        menu.open = false;
        if (held && !inside) menu.querySelector("summary").focus();
      }
    },
    clicked(event) {
      const found = event.target.closest("[data-act],[data-theme-switch]");
      if (!found || !this.$el.contains(found) || found.nodeName === "FORM") return;
      if (found.dataset.themeSwitch !== undefined) {
        window.quarterdeckTheme.turn();
        return;
      }
      if (found.nodeName === "A") {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
      }
      if (found.role === "tab") found.scrollIntoView({ block: "nearest", inline: "center" });
      this.tell(found.dataset.act, { ...found.dataset });
    },
    typed(event) {
      const field = event.target.dataset?.field;
      if (field === undefined) return;
      clearTimeout(this.timers.get(field));
      const value = event.target.value;
      const soon = event.target.nodeName === "SELECT" ? 0 : 120;
      this.timers.set(field, setTimeout(() => this.tell("field", { field, value }), soon));
    },
    submitted(event) {
      if (event.target.dataset.act === undefined) return;
      event.preventDefault();
      this.tell(event.target.dataset.act, { ...event.target.dataset, values: values(event.target) });
    },
    pressed(event) {
      const tab = event.target.closest("[role=tab]");
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: "first", End: "last" }[event.key];
      if (!tab || step === undefined) return;
      const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
      const place = tabs.indexOf(tab);
      const next = { first: 0, last: tabs.length - 1 }[step] ?? (place + step + tabs.length) % tabs.length;
      event.preventDefault();
      tabs[next].focus();
      tabs[next].click();
    },
  },
};
