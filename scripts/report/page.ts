import { readFileSync } from "node:fs";
import { type Markup, markup, trustedStyle } from "./markup.ts";

const style = readFileSync(new URL("./report.css", import.meta.url), "utf8");

/** An HTML file that needs no network and runs no script. */
export function renderPage(title: string, content: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${trustedStyle(style)}
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.html;
}
