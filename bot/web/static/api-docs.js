// Draws the API's description with Swagger UI. Requests go to this host alone; changes by somebody
// who signed in repeat the session's secret, as on the calendar page.
const place = document.getElementById("api-docs");

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function followTheme() {
  const chosen = document.documentElement.dataset.theme;
  const isDark = chosen ? chosen === "dark" : dark.matches;
  document.documentElement.classList.toggle("dark-mode", isDark);
}

function withSecret(request) {
  if (place.dataset.csrf && !/^(GET|HEAD)$/i.test(request.method ?? "GET")) {
    request.headers["X-CSRF-Token"] = place.dataset.csrf;
  }
  return request;
}

followTheme();
dark.addEventListener("change", followTheme);
new MutationObserver(followTheme).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["data-theme"],
});

window.SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
  requestInterceptor: withSecret,
});
