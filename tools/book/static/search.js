/*
 * What people paste has words that no page has: their server, their address, a time. Sphinx finds nothing then, since it
 * wants every word in one page. Here the pages with most of the rarest words come instead, those in titles first; and a query of nothing but
 * numbers (535, 5.7.1) is looked up as such.
 */
"use strict";

(() => {
  const parse = Search._parseQuery;
  const perform = Search._performSearch;
  const MOST = 30;

  Search._parseQuery = (query) => {
    const [text, terms, ...others] = parse(query);
    if (terms.size === 0) {
      query.split(/\D+/).filter(Boolean).forEach((number) => terms.add(number));
    }
    return [text, terms, ...others];
  };

  Search._performSearch = (query, terms, excluded, ...others) => {
    const whole = perform(query, terms, excluded, ...others);
    if (whole.length > 0 || terms.size < 2) return whole;
    const found = new Map();
    for (const term of terms) {
      const pages = new Map(perform(term, new Set([term]), excluded, ...others).map((result) => [result[0], result]));
      for (const [page, result] of pages) {
        const inTitle = Search._index.titles[Search._index.docnames.indexOf(page)]?.toLowerCase().includes(term) ? 5 : 1;
        const weight = (found.get(page)?.weight ?? 0) + inTitle / (5 + pages.size);
        found.set(page, { result, weight });
      }
    }
    // The last of them is shown first.
    return [...found.values()].sort((one, other) => one.weight - other.weight).slice(-MOST).map((each) => each.result);
  };
})();
