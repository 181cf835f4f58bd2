// Light or dark before the first paint, so that nothing flashes: a choice made here is remembered,
// else the system's holds. A plain script, because modules run after the first paint.
(() => {
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("gpubot-theme");
    } catch {
      return null;
    }
  };
  if (kept()) root.dataset.theme = kept();

  function isDark() {
    return root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("gpubot-theme", root.dataset.theme);
      } catch {
        // Without storage the choice holds for this page.
      }
    });
  });
})();
