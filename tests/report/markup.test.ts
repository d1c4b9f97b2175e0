import { expect, test } from "bun:test";
import { Markup, markup } from "../../scripts/report/markup.ts";

test("values are escaped as text and inside quoted attributes", () => {
  const value = `<b title="x" class='y'>&amp;`;
  expect(markup`<i title="${value}">${value}</i>`.html).toBe(
    '<i title="&lt;b title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;amp;">' +
      "&lt;b title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;amp;</i>",
  );
});

test("markup is put in as it stands, arrays are joined", () => {
  expect(markup`<p>${[new Markup("<b>1</b>"), " & ", 2]}</p>`.html).toBe("<p><b>1</b> &amp; 2</p>");
});

test("what HTML cannot hold becomes the replacement character, other text stays", () => {
  expect(markup`${"a\0b\u001bc\ud800d\n\t😀é"}`.html).toBe("a\ufffdb\ufffdc\ufffdd\n\t😀é");
});
