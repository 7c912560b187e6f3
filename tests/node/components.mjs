// What nhsuk-frontend itself makes of components: [[folder, macro, parameters], …] on stdin, a list of HTML on stdout.

import { readFileSync } from "node:fs";
import nunjucks from "nunjucks";

const templates = new URL("node_modules/nhsuk-frontend/dist/", import.meta.url).pathname;
const environment = nunjucks.configure(templates, { trimBlocks: true, lstripBlocks: true });
const asked = JSON.parse(readFileSync(0, "utf8"));

const made = asked.map(([folder, macro, parameters]) =>
  environment.renderString(
    `{% from "nhsuk/components/${folder}/macro.njk" import ${macro} %}{{ ${macro}(parameters) }}`,
    { parameters },
  ),
);
console.log(JSON.stringify(made));
