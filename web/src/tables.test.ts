import { expect, test } from "vitest";
import { csvOf, markdownOf, tableOf } from "./tables";
import { answerOf, pathsOf, retentionOf, stepsOf, trendsOf } from "./testing";

test("a funnel as CSV has its values as they are", () =>
  expect(csvOf(tableOf(answerOf(["view, then \"buy\"", 3], ["b", 1, 2, 1500.5, 9])))).toBe(
    'step,label,count,from_first,from_previous,median_ms,p90_ms,in_window\r\n1,"view, then ""buy""",3,1,1,,,0\r\n2,b,1,0.3333333333333333,0.3333333333333333,1500.5,9,2\r\n',
  ));

test("a spreadsheet takes no name for a formula", () =>
  expect(csvOf({ header: ["a"], rows: [["=HYPERLINK(1)"], ["+1"], [-1]] })).toBe("a\r\n'=HYPERLINK(1)\r\n'+1\r\n-1\r\n"));

test("groups come one after the other", () => {
  const breakdown = [{ value: "KR", steps: stepsOf(["a", 2]) }, { value: null, steps: stepsOf(["a", 1]) }, { other: true, steps: stepsOf(["a", 1]) }];
  const { header, rows } = tableOf({ ...answerOf(["a", 4]), breakdown });
  expect([header[0], ...rows.map(([group]) => group)]).toEqual(["group", "KR", "", "(other)"]);
});

test("trends, retention and paths", () => {
  expect(csvOf(tableOf(trendsOf({ label: "a", values: [1, null] }, { label: "b", values: [3, 4] })))).toBe(
    "start,a,b\r\n2026-01-01T00:00:00+00:00,1,3\r\n2026-01-02T00:00:00+00:00,,4\r\n",
  );
  expect(csvOf(tableOf(retentionOf()))).toBe(
    "start,users,0,1,2-6\r\n2026-01-30T00:00:00+00:00,40,40,10,3\r\n2026-01-31T00:00:00+00:00,20,20,2,\r\n",
  );
  expect(csvOf(tableOf(pathsOf()))).toBe("step,from,to,count,median_ms\r\n1,view,apply,5,60000\r\n1,view,(other),2,1000\r\n1,view,(stopped),3,\r\n");
});

test("Markdown keeps markup in names as text", () =>
  expect(markdownOf({ header: ["name", "n"], rows: [["a|b <i>_x_", 1]] })).toBe("| name | n |\n| --- | ---: |\n| a\\|b \\<i\\>\\_x\\_ | 1 |\n"));
