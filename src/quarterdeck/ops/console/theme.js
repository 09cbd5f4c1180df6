// Light or dark: as the system has it, until a person chooses. Runs before anything is painted.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  const chosen = () => localStorage.getItem("quarterdeck-theme");
  const dark = () => (chosen() ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    if (chosen()) root.dataset.theme = chosen();
    else delete root.dataset.theme;
    for (const tell of listeners) tell(dark());
  };
  system.addEventListener("change", show);
  root.lang = "en";
  window.quarterdeckTheme = {
    turn() {
      const next = dark() ? "light" : "dark";
      if (next === (system.matches ? "dark" : "light")) localStorage.removeItem("quarterdeck-theme");
      else localStorage.setItem("quarterdeck-theme", next);
      show();
    },
    told(tell) {
      listeners.push(tell);
      tell(dark());
    },
  };
  show();
})();
