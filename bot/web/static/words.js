// Sentences in the reader's language. English is the source; the page carries the translations.

const block = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");

/** What the server tells the page's scripts. */
export const page = block("page");

const words = block("words");
const plural = new Intl.PluralRules(page.lang || "en");

/** `t("Taken by {name}", {name})`: the sentence with its places filled. */
export function t(sentence, places = {}) {
  const found = words[sentence];
  return fill(Array.isArray(found) ? found[1] : found || sentence, places);
}

/** `tn("{n} GPU", "{n} GPUs", n)`: the same for something counted. */
export function tn(one, more, n, places = {}) {
  const form = plural.select(n) === "one" ? 0 : 1;
  return fill((words[one] || [one, more])[form], { n, ...places });
}

function fill(sentence, places) {
  return sentence.replace(/\{(\w+)\}/g, (all, name) => (name in places ? places[name] : all));
}
